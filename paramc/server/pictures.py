"""Pictures on their way to a server and back: what may be handed over, and under which names results are kept."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from paramc.dialects.graph.values import Json, as_object, as_text
from paramc.ir.assets import ImageRef
from paramc.ir.control import PromptArea, Reference
from paramc.ir.job import Job
from paramc.ir.stages import Enlarge, ImageToImage, Inpaint
from paramc.server.tables import ServerTables
from paramc.source.detect import image_format

HEAD: Final = 16  # bytes that tell what a file is
MOST: Final = 128 * 2**20  # bytes of a picture that goes in
SUFFIXES: Final = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "avif": ".avif", "gif": ".gif"}
FILMS: Final = {b"\x1aE\xdf\xa3": ".webm"}  # by their first bytes


class Wanted(NamedTuple):
    """A picture that a node loads from the server's input folder."""

    node: str
    input: str
    name: str


def wanted(graph: Mapping[str, Json], tables: ServerTables) -> Iterator[Wanted]:
    """The pictures that a graph loads."""
    for node, described in graph.items():
        found = as_object(described)
        name = tables.pictures.get(as_text(found.get("class_type")), "")
        value = as_object(found.get("inputs")).get(name)
        if name and isinstance(value, str) and value:
            yield Wanted(node, name, value)


def find_picture(name: str, job: Job, folders: Sequence[Path]) -> Path | None:
    """The file of a picture: the one that the job names by path, else one of that name in a folder."""
    base = PurePosixPath(name.replace("\\", "/")).name
    paths = (image.path for image in _images(job) if image.path)
    own = (Path(path) for path in paths if PurePosixPath(path.replace("\\", "/")).name == base)
    beside = (folder / base for folder in folders)
    return next((path for path in (*own, *beside) if _is_file(path)), None)


def read_picture(path: Path) -> bytes | None:
    """The bytes of a picture; None where the file is no picture, whatever its name says. Raises OSError."""
    with path.open("rb") as stream:
        data = stream.read(MOST + 1)
    return data if image_format(data[:HEAD]) and len(data) <= MOST else None


def suffix_of(data: bytes) -> str | None:
    """How the name of a result ends, by its bytes; None for what is neither picture nor film."""
    form = image_format(data[:HEAD])
    if form:
        return SUFFIXES[form]
    if data[4:8] == b"ftyp":
        return ".mp4"
    return next((suffix for head, suffix in FILMS.items() if data.startswith(head)), None)


def free_place(folder: Path, stem: str, suffix: str) -> Path:
    """A name in the folder that nothing has yet."""
    number = 0
    while (place := folder / f"{stem}{f'-{number}' if number else ''}{suffix}").exists():
        number += 1
    return place


def _images(job: Job) -> Iterator[ImageRef]:
    """The pictures that go into a job."""
    if isinstance(job.task, ImageToImage | Inpaint | Enlarge):
        yield job.task.init
    if isinstance(job.task, Inpaint):
        yield job.task.mask
    yield from (control.image for control in job.controls)
    for patch in job.patches:
        match patch:
            case Reference():
                yield patch.image
            case PromptArea(mask=ImageRef() as mask):
                yield mask
            case _:
                continue


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file system takes
        return False
