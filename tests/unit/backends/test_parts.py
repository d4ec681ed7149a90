"""What of the runner's functions and classes a script prints."""

import ast

import pytest

from paramc.backends.parts import Part, laid_out, pieces_of, quoted, read_parts
from paramc.backends.registry import find_target

PARTS = read_parts(find_target("diffusers").folder / "parts.toml")
SETTING = Part(
    "Setting",
    ("Amount", "OTHER"),
    '''
@dataclass(frozen=True)
class Setting:
    """A setting."""

    first: object = Amount()
    second: int = 2
    third: object = OTHER

    @property
    def double(self):
        """Twice as much."""
        return 2 * self.second

    def __len__(self):
        return 1'''.removeprefix("\n"),
)
KNOWN = {
    "Setting": SETTING,
    "Amount": Part("Amount", (), "class Amount(NamedTuple):\n    size: int = 1"),
    "OTHER": Part("OTHER", (), "OTHER = 3"),
}


def members(source: str) -> list[str]:
    """The fields and methods of the setting that a script has which says `source`."""
    tree = ast.parse(quoted(source, KNOWN))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Setting")
    fields = [ast.unparse(node.target) for node in body if isinstance(node, ast.AnnAssign)]
    return fields + [node.name for node in body if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("name", [name for name, part in PARTS.items() if len(pieces_of(part)) > 1])
def test_a_class_that_is_needed_whole_stands_as_it_is(name: str) -> None:
    assert laid_out(pieces_of(PARTS[name])) == PARTS[name].text


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("Setting()", []),
        ("Setting(1)", ["first"]),
        ("Setting(1, 2)", ["first", "second"]),
        ("Setting(third=1)", ["third"]),
        ("print(Setting().first)", ["first"]),
        ("print(Setting().double)", ["second", "double"]),
        ("Setting(*values)", ["first", "second", "third"]),
        ("partial(Setting, 1)", ["first", "second", "third"]),
    ],
)
def test_fields_and_methods_that_nothing_speaks_of_are_left_out(source: str, found: list[str]) -> None:
    assert members(source) == [*found, "__len__"]


def test_what_only_a_field_needs_goes_with_it() -> None:
    assert "Amount" not in quoted("Setting(third=1)", KNOWN)
    assert "OTHER" not in quoted("Setting(1)", KNOWN)
    assert quoted("Setting(third=1)", KNOWN).endswith("OTHER = 3")


def test_a_solver_s_options_are_in_its_own_scripts_alone() -> None:
    assert "UniPc" not in quoted("sample_euler(1, knobs=Knobs())", PARTS)
    assert "class UniPc:" in quoted("sample_uni_pc(1, knobs=Knobs())", PARTS)
