"""Calls of a script against the extract of the library's signatures."""

from pathlib import Path

import pytest

from paramc.backends.callcheck import Interface, faults, read_interface
from paramc.resources import TARGETS

HEAD = "pipe = Pipe.load(MODEL)\n"
INTERFACE = Interface(
    modules={},
    calls={
        "Pipe": {
            "()": frozenset({"flag"}),
            "load": frozenset({"dtype"}),
            "__call__": frozenset({"prompt"}),
            "to": frozenset(),
        },
        "Euler": {"()": frozenset({"beta"})},
    },
)


@pytest.mark.parametrize(
    "source",
    [
        "pipe = Pipe.load(MODEL, dtype=x)",
        HEAD + "images = pipe(prompt=PROMPT).images",
        HEAD + "pipe.to(DEVICE)",
        HEAD + "second = Pipe(**pipe.components, flag=True)",
        "pipe.scheduler = Euler(beta=1)",
        "print(anything=1)",
        "torch.nn.functional.interpolate(x, nonsense=1)",
    ],
)
def test_what_exists_passes(source: str) -> None:
    assert list(faults(source, INTERFACE)) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("pipe = Pipe.load(MODEL, torch_dtype=x)", "Pipe.load has no keyword torch_dtype"),
        ("pipe = Pipe.fetch(MODEL)", "Pipe has no fetch"),
        (HEAD + "images = pipe(promt=PROMPT).images", "Pipe.__call__ has no keyword promt"),
        (HEAD + "pipe.enable_vae_tiling()", "Pipe has no enable_vae_tiling"),
        ("pipe.scheduler = Euler(gamma=1)", "Euler.() has no keyword gamma"),
        (HEAD + "second = Pipe(**pipe.components, flags=True)", "Pipe.() has no keyword flags"),
    ],
)
def test_what_does_not_exist_is_named(source: str, fault: str) -> None:
    assert list(faults(source, INTERFACE)) == [fault]


def test_a_script_that_does_not_parse_is_a_fault() -> None:
    (fault,) = faults("x = (", INTERFACE)
    assert fault.startswith("it does not parse: ")


def test_every_class_of_the_table_has_a_module() -> None:
    interface = read_interface(Path(TARGETS / "diffusers" / "interface.toml"))
    assert set(interface.calls) == set(interface.modules["diffusers"])
