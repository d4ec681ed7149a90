"""The runner's functions as scripts print them: the source of each, without annotations, laid out by the formatter.

What targets/diffusers/parts.toml holds is made here; `pytest --bless tests/sdk/test_parts.py` writes it.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from inspect import formatannotation
from pathlib import Path

from paramc.ir.control import PromptArea

RUNTIME = Path(__file__).parents[2] / "paramc" / "runtime"
LINE = "88"
WIDTH = 80  # of a line of digits
MODULES = (
    "text/normalise", "text/words", "models/upsampling",
    "rng/philox", "rng/streams", "rng/variation", "rng/images", "rng/batch", "rng/brownian",
    "schedules/levels", "schedules/curve", "schedules/curves", "schedules/fitted", "schedules/spaced",
    "schedules/timesteps", "execute/tables",
    "denoise/conditioning", "denoise/guidance", "denoise/prompts", "denoise/parametrisation", "denoise/guided",
    "denoise/on_timesteps", "denoise/patched", "denoise/rescaled", "denoise/regions", "denoise/placed",
    "samplers/process", "samplers/protocol", "samplers/step", "samplers/weights", "samplers/euler", "samplers/lms",
    "samplers/heun", "samplers/dpm_2", "samplers/dpm_solver", "samplers/dpmpp", "samplers/dpmpp_sde",
    "samplers/one_step", "samplers/multistep", "samplers/unipc", "samplers/cfg_pp", "samplers/res",
    "samplers/gradient_estimation", "samplers/er_sde", "samplers/seeds", "samplers/sa_solver", "samplers/ddim",
    "execute/merging", "denoise/masked", "stages/starts", "stages/pictures", "stages/sizes", "stages/masks", "execute/shading", "execute/areas",
    "execute/values", "control/filters", "control/hints",
)  # fmt: skip
"""Each after those that it imports from."""
TYPES = frozenset({"float", "int", "bool", "str", "tuple", "None", "frozenset"})  # kept where a dataclass needs them
ALIASES = {"np": "numpy", "nn": "torch.nn"}
UNQUOTED = frozenset(
    {"recorded_table", "recorded_alphas", "_moved", "tables_for", "is_lcm", "_recorded", "_alphas", "upsampling"}
)
"""What reads the recorded tables out of a file, and what needs it; and what lasts for a while."""
ALONE = {
    "text/words": {"ANY", "_ENCODERS", "_labelled"},
    "execute/shading": {"GROWN", "shares_of", "grown", "fitted_shares", "greyed"},
    "execute/values": {"flattened", "BACKGROUND"},
    "execute/areas": {"CELL", "LEAST", "CHANNELS", "place_of", "_rectangle", "_mask", "_channel", "_around"},
    "control/hints": {"hint", "nearest_hint", "_numbers", "_fitted", "_cut", "_scaled", "_resampled", "_border_colour"},
    "control/filters": {"WHITE"},
}  # of modules whose other parts no script needs
RECORDED = {
    "Size": '''
class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int
''',
    "rounded": '''
def rounded(values, digits):
    """float32 with the last digit that the UI has: -1, 0 or 1 more."""
    number, steps = int(digits, 36), []
    for _ in values:
        number, step = divmod(number, 3)
        steps.append(step - 1)
    steps = torch.tensor(steps, dtype=torch.int32)
    return (values.float().view(torch.int32) + steps).view(torch.float32)
''',
    "recorded": '''
def recorded(*, rounds=False):
    """The noise levels of the UI, number for number: Brownian motions depend on it."""
    alphas = sd_alphas().float()
    sigmas = rounded(((1 - alphas) / alphas).double().sqrt(), SIGMA_DIGITS)
    return TimestepTable(sigmas, rounded(sigmas.double().log(), LOG_DIGITS), rounds)
''',
}


@dataclass(frozen=True)
class Module:
    """A module of the runner. `renamed`: names that other modules have too."""

    name: str
    renamed: dict[str, str]

    @cached_property
    def text(self) -> str:
        return (RUNTIME / f"{self.name}.py").read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def starts(self) -> list[int]:
        """The place of each line in the text."""
        found = [0]
        for line in self.text.splitlines(keepends=True):
            found.append(found[-1] + len(line))
        return found

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        found = {name: node for name, node in _definitions(self.tree) if name not in UNQUOTED}
        return {name: found[name] for name in found if name in ALONE.get(self.name, found)}

    @cached_property
    def imported(self) -> dict[str, str]:
        """Names that come from other modules of the runner, as they are called there."""
        found: dict[str, str] = {}
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("paramc.runtime."):
                where = (node.module or "").removeprefix("paramc.runtime.").replace(".", "/")
                found |= {alias.name: self.renamed.get(f"{where}:{alias.name}", alias.name) for alias in node.names}
        return found

    def called(self, name: str) -> str:
        """What a name of the module is called among all parts."""
        return self.renamed.get(f"{self.name}:{name}", self.imported.get(name, name))

    def at(self, line: int, column: int) -> int:
        """A place of the tree in the text; columns count bytes."""
        whole = self.text[self.starts[line - 1] :].encode()[:column]
        return self.starts[line - 1] + len(whole.decode())

    def span(self, node: ast.expr | ast.stmt | ast.arg) -> tuple[int, int]:
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno or 0, node.end_col_offset or 0)

    def part(self, name: str) -> str:
        """The source of a definition, without annotations, under the names of the parts."""
        node = self.definitions[name]
        decorators = getattr(node, "decorator_list", [])
        start = self.span(decorators[0])[0] - 1 if decorators else self.span(node)[0]
        end = self.span(node)[1]
        edits = sorted(self._edits(node), key=lambda edit: (edit[0], -edit[1]))
        pieces, done = [], start
        for first, last, text in edits:
            if first >= done:
                pieces += [self.text[done:first], text]
                done = last
        pieces.append(self.text[done:end])
        return re.sub(r"  # (type: ignore|noqa).*", "", "".join(pieces))

    def _edits(self, node: ast.stmt) -> Iterator[tuple[int, int, str]]:
        for child in ast.walk(node):
            match child:
                case ast.FunctionDef():
                    yield from self._returned(child)
                    yield from self._shortened(child)
                case ast.ClassDef():
                    yield from self._shortened(child)
                    yield from self._fields(child)
                    yield from self._name_of(child)
                case ast.arg(annotation=ast.expr() as annotation):
                    yield self.span(child)[0] + len(child.arg), self.span(annotation)[1], ""
                case ast.AnnAssign():
                    yield self.span(child.target)[1], self.span(child.annotation)[1], ""
                case ast.Name(id=name) if self.called(ALIASES.get(name, name)) != name:
                    yield (*self.span(child), self.called(ALIASES.get(name, name)))
        if isinstance(node, ast.FunctionDef):
            yield from self._name_of(node)

    def _name_of(self, node: ast.FunctionDef | ast.ClassDef) -> Iterator[tuple[int, int, str]]:
        if self.called(node.name) != node.name:
            place = self.text.index(node.name, self.span(node)[0])
            yield place, place + len(node.name), self.called(node.name)

    def _returned(self, node: ast.FunctionDef) -> Iterator[tuple[int, int, str]]:
        if node.returns is not None:
            start, end = self.span(node.returns)
            yield self.text.rindex(")", 0, start) + 1, end, ""

    def _shortened(self, node: ast.FunctionDef | ast.ClassDef) -> Iterator[tuple[int, int, str]]:
        """The first line of a documentation."""
        text = ast.get_docstring(node)
        if text is not None:
            yield (*self.span(node.body[0]), f'"""{text.splitlines()[0]}"""')

    def _fields(self, node: ast.ClassDef) -> Iterator[tuple[int, int, str]]:
        """Annotations that make the fields of a dataclass, as far as the script knows their types."""
        for field in node.body:
            if isinstance(field, ast.AnnAssign):
                names = {child.id for child in ast.walk(field.annotation) if isinstance(child, ast.Name)}
                known = self.text[slice(*self.span(field.annotation))] if names and names <= TYPES else "Any"
                yield (self.span(field.target)[1], self.span(field.annotation)[1], f": {known}")


def _definitions(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name, bases=bases):
                if not any(isinstance(base, ast.Name) and base.id == "Protocol" for base in bases):
                    yield name, node
            case ast.FunctionDef(name=name):
                yield name, node
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation) if node.value is not None:
                if ast.unparse(annotation) != "TypeAlias":
                    yield name, node
            case ast.Assign(targets=[ast.Name(id=name) | ast.Tuple(elts=[ast.Name(id=name), *_])]):
                yield name, node


def _modules() -> list[Module]:
    count: dict[str, int] = {}
    for name in MODULES:
        for defined in Module(name, {}).definitions:
            count[defined] = count.get(defined, 0) + 1
    renamed = {
        f"{name}:{defined}": f"{defined}_{Path(name).stem}"
        for name in MODULES
        for defined in Module(name, {}).definitions
        if count[defined] > 1
    }
    return [Module(name, renamed) for name in MODULES]


def sources() -> dict[str, str]:
    """Name → source, formatted, in an order in which they can stand in one script."""
    found: dict[str, str] = {}
    for module in _modules():
        if module.name == "execute/tables":
            found |= digits() | RECORDED | {PromptArea.__name__: said()}
        found |= {module.called(name): module.part(name) for name in module.definitions}
    return _formatted(found)


def digits() -> dict[str, str]:
    """The last digits of the recorded table as constants."""
    import torch

    from paramc.runtime.schedules.levels import recorded_alphas, recorded_table

    def off(name: str, recorded: torch.Tensor, computed: torch.Tensor) -> dict[str, str]:
        steps = (recorded.view(torch.int32) - computed.float().view(torch.int32) + 1).tolist()
        assert set(steps) <= {0, 1, 2}, sorted(set(steps))
        text = _base_36(sum(step * 3**place for place, step in enumerate(steps)))
        lines = (f'"{text[start : start + WIDTH]}"' for start in range(0, len(text), WIDTH))
        return {name: f"{name} = (" + "\n".join(lines) + ")"}

    alphas, table = recorded_alphas("sd"), recorded_table("sd")
    sigmas = off("SIGMA_DIGITS", table.sigmas, ((1 - alphas) / alphas).double().sqrt())
    return sigmas | off("LOG_DIGITS", table.log_sigmas, table.sigmas.double().log())


def said() -> str:
    """A job's place of a prompt as a plain value, for the functions that ask for its parts."""
    fields = PromptArea.model_fields.items()
    told = ((name, formatannotation(field.annotation), field.default) for name, field in fields)
    typed = ((name, kind if {*re.findall(r"\w+", kind)} <= TYPES else "Any", usual) for name, kind, usual in told)
    lines = (f"{name}: {kind} = {usual!r}" for name, kind, usual in typed)
    about = '"""What is said of the place of a prompt; its mask is a file."""\n'
    return "\n    ".join(("@dataclass(frozen=True)\nclass PromptArea:", about, *lines))


def _base_36(number: int) -> str:
    signs = "0123456789abcdefghijklmnopqrstuvwxyz"
    found = ""
    while number:
        number, sign = divmod(number, 36)
        found = signs[sign] + found
    return found


def needs(parts: dict[str, str]) -> dict[str, list[str]]:
    """The parts that each part speaks of."""
    home = {name: part for part, text in parts.items() for name in _bound(ast.parse(text).body[0])}
    return {part: _needed(part, text, home) for part, text in parts.items()}


def _needed(part: str, text: str, home: dict[str, str]) -> list[str]:
    names: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                names.add(name)
            case ast.Name(id=name) | ast.arg(arg=name):
                bound.add(name)
    found = dict.fromkeys(home[name] for name in home if name in names - bound)
    return [name for name in found if name != part]


def _bound(node: ast.stmt) -> set[str]:
    """The names that a definition gives a meaning."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=[target]):
            return {child.id for child in ast.walk(target) if isinstance(child, ast.Name)}
        case _:
            return set()


def _formatted(parts: dict[str, str]) -> dict[str, str]:
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", LINE, "-"]
    mark = "\n\nBETWEEN_PARTS = 0\n\n"
    joined = mark.join(text.strip() for text in parts.values())
    done = subprocess.run(command, input=joined, capture_output=True, text=True, check=True).stdout
    texts = done.split("BETWEEN_PARTS = 0\n")
    return {name: text.strip() for name, text in zip(parts, texts, strict=True)}
