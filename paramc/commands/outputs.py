"""Where the files of an artefact go: names made safe, nothing that exists written over unasked."""

import os
from pathlib import Path, PurePath

from paramc.backends.report import Artifact
from paramc.commands.outcome import NOT_WRITTEN, USAGE, Output, Refused, Said, not_written
from paramc.commands.parser import Arguments, UsageError
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.source.model import Source

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff")
NAME_CROP = 100  # characters of a file name, its suffix aside
_ALLOWED = frozenset(" ._-+()[]")


def outputs(artifact: Artifact, source: Source, arguments: Arguments) -> tuple[Output, ...]:
    """The files to write for `--output`; none for standard output. Raises Refused, before anything is written."""
    if arguments.output in (None, "-"):
        if len(artifact.files) > 1:
            raise _refused(diagnose("PC803", target=artifact.target, count=len(artifact.files)))
        return ()
    placed = _placed(artifact, source, str(arguments.output))
    for output in placed:
        check_place(output.path, force=arguments.force)
    return placed


def _placed(artifact: Artifact, source: Source, asked: str) -> tuple[Output, ...]:
    path = Path(asked)
    if os.path.isdir(path) or asked.endswith(("/", os.sep)):  # noqa: PTH112  # Path raises for names that are too long
        names = (_file_name(source, file.name, alone=len(artifact.files) == 1) for file in artifact.files)
        return tuple(Output(path / name, file.text) for name, file in zip(names, artifact.files, strict=True))
    if len(artifact.files) > 1:
        raise _refused(diagnose("PC803", target=artifact.target, count=len(artifact.files)))
    return (Output(path, artifact.text),)


def check_place(path: Path, *, force: bool) -> None:
    """Raises Refused for a place where no file can be, or where one is already, unless forced."""
    if not os.path.isdir(path.parent):  # noqa: PTH112  # as above
        raise _impossible(path, f"there is no folder `{path.parent}`")
    if os.path.exists(path) and not path.is_file():  # noqa: PTH110  # devices and pipes would be replaced, not written to
        raise _impossible(path, "it is no regular file")
    if os.path.lexists(path) and not force:
        raise _refused(diagnose("PC801", file=path))


def picture_folder(asked: str) -> Path:
    """The folder that `-o` names, for `make_folder` once there is something to put in.

    Only with a slash at the end those above it are made as well. Raises Refused where it cannot be made, UsageError for
    the name of a picture and for standard output.
    """
    if asked == "-":
        raise UsageError("`-o` takes a folder: pictures do not go to standard output")
    folder = Path(asked)
    if os.path.isdir(folder):  # noqa: PTH112  # as above
        return folder
    if os.path.exists(folder):  # noqa: PTH110  # as above
        raise _impossible(folder, "it is no folder")
    if asked.endswith(("/", os.sep)):
        return folder
    if folder.suffix.lower() in PICTURES:
        raise UsageError(f"`-o` takes a folder, and `{folder}` is called like a picture")
    if not os.path.isdir(folder.parent):  # noqa: PTH112  # as above
        raise _impossible(folder, f"there is no folder `{folder.parent}`")
    return folder


def make_folder(folder: Path) -> None:
    """The folder and those above it, where they are not there yet. Raises Refused where none can be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from error


def _file_name(source: Source, name: str, *, alone: bool) -> str:
    """The artefact's own name; a single file is called like the source's file, where it came from one."""
    own = PurePath(name)
    stem = PurePath(source.name).stem if alone and not source.name.startswith("<") else own.stem
    return safe_name(stem) + safe_name(own.suffix, start=".")


def safe_name(name: str, start: str = "") -> str:
    """The name without separators, control characters and leading dots, cropped; `start` is kept in front."""
    kept = "".join(sign if sign.isalnum() or sign in _ALLOWED else "_" for sign in name[:NAME_CROP])
    return start + (kept.strip(". ") or "settings")


def _impossible(place: Path, reason: str) -> Refused:
    return Refused(Said((diagnose("PC802", file=place, reason=reason),)), NOT_WRITTEN)


def _refused(problem: Diagnostic) -> Refused:
    return Refused(Said((problem,)), USAGE)
