"""What every verb that paints shares: the job asked for, names and bytes of pictures."""

import os
from hashlib import sha256
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from paramc.api import compile as compile_job
from paramc.commands.edits import edited
from paramc.commands.outputs import safe_name
from paramc.commands.parser import Arguments
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, RunError
from paramc.ir.base import json_of
from paramc.ir.job import Job
from paramc.passes.defaults import DEFAULT_SIZE
from paramc.passes.resolve import stem_of
from paramc.source.model import Source

if TYPE_CHECKING:
    from PIL.Image import Image

SETTINGS = "parameters"  # the keyword under which UIs look for their settings text
OURS = "paramc"
SUFFIX = ".safetensors"  # which no UI writes into its settings
DEMO = "demo"  # the word for the shipped model
SAME = {"PC560": "PC406"}  # a size of broken cells: as the runner says it, and as reading does
DIGEST = 10  # hex digits of the settings in a file name


def asked(job: Job, arguments: Arguments) -> Job:
    """The job with what the command line says over it. Raises InvalidValue, RunError for files that are no models."""
    job = edited(job, arguments)
    named = {"assets.checkpoint": _model(arguments), "assets.vae": arguments.vae}
    values: dict[str, object] = {path: _asset(path, file) for path, file in named.items() if file}
    if arguments.seed is not None:
        values["noise.seed"] = arguments.seed
    return job.replace(values) if values else job


def _asset(path: str, asked_for: str) -> dict[str, str]:
    """A file of this user, or the name of one that `--models` has. Raises RunError for a path that leads nowhere."""
    # Path raises where there is no such user, and for names that are too long
    file = os.path.expanduser(asked_for)  # noqa: PTH111
    name = PurePath(file).name.removesuffix(SUFFIX)
    if os.path.exists(file):  # noqa: PTH110
        if path == "assets.checkpoint":
            _check_pipeline(file)
        return {"name": name, "path": file}
    if PurePath(file).name != file:
        raise RunError(diagnose("PC573", kind=path.removeprefix("assets."), file=file))
    return {"name": name}


def _check_pipeline(model: str) -> None:
    """Raises RunError for a folder that is no model as a whole."""
    from paramc.runtime.catalogue.scan import PIPELINE

    if os.path.isdir(model) and not (Path(model) / PIPELINE).is_file():  # noqa: PTH112  # as above
        raise RunError(diagnose("PC541", folder=model, file=PIPELINE))


def _model(arguments: Arguments) -> str | None:
    """The file of the checkpoint: the one that was asked for, or the model that is shipped where that one was."""
    from paramc.runtime.demo.shipped import shipped_model

    return str(shipped_model()) if _asks_for_demo(arguments) else arguments.model


def _asks_for_demo(arguments: Arguments) -> bool:
    """Whether the shipped model is to paint; a model of its name in this folder goes first, other folders do not."""
    from paramc.runtime.catalogue.scan import PIPELINE

    here = Path(DEMO)
    return arguments.model == DEMO and not (here.is_file() or (here / PIPELINE).is_file())


def demo_remarks(read: Job, arguments: Arguments) -> tuple[Diagnostic, ...]:
    """What a person should know who has a job painted by the shipped model that was not made for it."""
    if not _asks_for_demo(arguments):
        return ()
    from paramc.runtime.demo.shipped import SIDE

    said: list[Diagnostic] = []
    job = edited(read, arguments)
    checkpoint = job.assets.checkpoint
    if checkpoint is not None and stem_of(checkpoint.name or "") != DEMO:
        said.append(diagnose("PC595", path="assets.checkpoint", name=checkpoint.name or "another"))
    size = job.size or DEFAULT_SIZE
    if max(size.width, size.height) > 2 * SIDE:
        said.append(diagnose("PC596", path="size", size=f"{size.width}x{size.height}", native=f"{SIDE}x{SIDE}"))
    return tuple(said)


def news(said: tuple[Diagnostic, ...], told: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """What was said while painting, without what reading has told already in words of its own."""
    known = {item.code for item in told}
    return tuple(item for item in said if SAME.get(item.code) not in known)


def bare(job: Job) -> Job:
    """The job without where it comes from."""
    return job.model_copy(update={"ledger": (), "implied": (), "family": None})


def picture_stem(source: Source) -> str:
    """How the names of its pictures begin: like its file's, where it came from one."""
    return safe_name("picture" if source.name.startswith("<") else PurePath(source.name).stem)


def file_name(stem: str, job: Job, place: int) -> str:
    """A name that tells the settings apart, so that a later run knows what is finished."""
    digest = sha256(json_of(bare(job)).encode()).hexdigest()[:DIGEST]
    return f"{stem}-{digest}{f'-{place}' if place else ''}.png"


def picture_bytes(image: "Image", job: Job) -> bytes:
    """The picture as PNG, with the settings that make just this one."""
    from paramc.runtime.execute.saving import png_bytes  # only where something was painted

    text = (
        compile_job(job, "a1111").text.encode("utf-8", "backslashreplace").decode()
    )  # a lone surrogate is spelled out
    return png_bytes(image, {SETTINGS: text, OURS: json_of(job)})
