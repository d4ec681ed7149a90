"""Finding targets: the folders of `targets/`, folders named by the user, and plug-ins on a miss."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TypeAlias

from paramc.backends.description import Option, Target
from paramc.backends.report import File, Report
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, UnknownName
from paramc.diagnostics.unknown import unknown_name
from paramc.ir.job import Job
from paramc.ir.plan import Plan
from paramc.resources import TARGETS

Choices: TypeAlias = Mapping[str, str | int | float | bool]
Emit: TypeAlias = Callable[[Job, Plan, Target, Choices, Report], tuple[File, ...]]
Verify: TypeAlias = Callable[[Job, Target, tuple[File, ...]], tuple[Diagnostic, ...]]
ENTRY_POINTS = "paramc.targets"
LONGEST_NAME = 100  # file systems refuse to look for much longer ones


@cache
def targets(roots: tuple[Path, ...] = (TARGETS,)) -> tuple[str, ...]:
    """The names of all targets under `roots`, sorted."""
    return tuple(sorted(path.parent.name for root in roots for path in root.glob("*/target.toml")))


@cache
def find_target(name: str, roots: tuple[Path, ...] = (TARGETS,)) -> Target:
    """The target called `name`. Raises UnknownName with the closest known name."""
    if len(name) <= LONGEST_NAME and name.replace("_", "").replace("-", "").isalnum():
        for root in roots:
            if (root / name / "target.toml").is_file():
                return Target(name, root / name)
        plugin = _plugin(name)
        if plugin:
            return plugin
    raise unknown_name("target", name, targets(roots))


def engine(target: Target) -> tuple[Emit, Verify]:
    """The engine that writes for `target`, and the one that reads its artefacts back to check them."""
    match target.engine:  # imported late: a target pays only for its own engine
        case "infotext":
            from paramc.backends import infotext

            return infotext.emit, infotext.verify
        case "graph":
            from paramc.backends import graph

            return graph.emit, graph.verify
        case "template":
            from paramc.backends import template

            return template.emit, template.verify
        case "record":
            from paramc.backends import record

            return record.emit, record.verify
        case "payload":
            from paramc.backends import payload

            return payload.emit, payload.verify
        case "perform":
            from paramc.backends import performed

            return performed.emit, performed.verify
        case other:
            return _plugin_engine(other)


def choices(target: Target, asked: Mapping[str, str]) -> dict[str, str | int | float | bool]:
    """All options of the target with the user's wishes laid over the defaults.

    Raises UnknownName for an option or a choice that does not exist.
    """
    for name in asked:
        if name not in target.options:
            raise unknown_name(f"option of {target.name}", name, target.options)
    implied = {
        name: value
        for option, wish in asked.items()
        for name, value in target.options[option].implies.get(wish, {}).items()
    }
    wishes = implied | dict(asked)
    return {name: _chosen(target, name, option, wishes.get(name)) for name, option in target.options.items()}


def judge_of(target: Target, chosen: Mapping[str, object]) -> Target:
    """The target whose answers hold under these options: another one, where that does the work."""
    deputies = (option.judged_by.get(str(chosen.get(name))) for name, option in target.options.items())
    name = next(filter(None, deputies), None)
    return target if name is None else find_target(name, (target.folder.parent,))


def _chosen(target: Target, name: str, option: Option, wish: str | None) -> str | int | float | bool:
    if wish is None:
        return option.default
    if option.choices and wish not in option.choices:
        raise unknown_name(f"choice for {target.name}'s {name}", wish, option.choices)
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    try:
        match option.kind:
            case "switch":
                return words[wish.lower()]
            case "integer":
                return int(wish)
            case "number":
                return float(wish)
            case _:
                return wish
    except (KeyError, ValueError) as error:
        raise UnknownName(
            diagnose("PC310", name=wish, kind=f"{option.kind} for {target.name}'s {name}", hint=option.about)
        ) from error


def _plugin(name: str) -> Target | None:
    from importlib.metadata import entry_points  # scanned only when a name is not built in
    from importlib.resources import files

    for point in entry_points(group=ENTRY_POINTS, name=name):
        folder = Path(str(files(point.value)))
        if (folder / "target.toml").is_file():
            return Target(name, folder)
    return None


def _plugin_engine(name: str) -> tuple[Emit, Verify]:
    from importlib.metadata import entry_points  # scanned only when a name is not built in

    for point in entry_points(group="paramc.engines", name=name):
        module = point.load()
        emit: Emit = module.emit
        verify: Verify = module.verify
        return emit, verify
    raise unknown_name("engine", name, ("infotext", "graph", "template", "payload", "perform"))
