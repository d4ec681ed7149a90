"""`paramc embed`: settings written into a picture, or taken out of it; pixels and other metadata stay."""

from pathlib import Path

from paramc.api import check
from paramc.commands.outcome import EVERYTHING, FINE, Outcome, Output, Refused, Said
from paramc.commands.outputs import check_place
from paramc.commands.parser import Arguments, UsageError
from paramc.commands.sources import about, compiled, load_source, open_argument
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, SourceError
from paramc.presentation.console import Console
from paramc.source.carriers import key_for, settings_of
from paramc.source.detect import read_source
from paramc.source.model import Source
from paramc.source.writing.image import embed, strip

NOTHING_WRITTEN = "errors were found: nothing is written\n"


def run(arguments: Arguments, console: Console) -> Outcome:
    """The picture with the settings of another source, in the words of `--to` if it is given; or without any."""
    if arguments.strip == (arguments.origin is not None):
        raise UsageError("either `--from SRC` or `--strip` says what to do")
    path = Path(arguments.picture)
    place = Path(arguments.output) if arguments.output else path
    check_place(place, force=arguments.force)
    with about(None):
        image = _content(path)
        if arguments.strip:
            data = strip(image)
            return _outcome(place, data, Said(_left(data)), "no settings")
    source = open_argument(arguments.origin, console)
    texts, said = _texts(source, arguments)
    if said.code != FINE:
        return Outcome(said=(said,), remarks=NOTHING_WRITTEN, code=said.code)
    with about(None):
        return _outcome(place, embed(image, texts), said, ", ".join(f"`{key}`" for key in texts))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise SourceError(diagnose("PC100", name=path, reason=reason.lower())) from error


def _texts(source: Source, arguments: Arguments) -> tuple[dict[str, str], Said]:
    """Key → text to be written, and what is to be said about them. Raises Refused."""
    if arguments.to is None:
        return settings_of(source), Said(source.diagnostics, source)
    loaded = load_source(source, arguments)
    said = Said((*loaded.diagnostics, *check(loaded.job)), source)
    if said.code != FINE:
        return {}, said
    with about(source):
        artifact = compiled(loaded.job, arguments.to, arguments)
    if len(artifact.files) != 1:
        raise Refused(Said((diagnose("PC803", target=artifact.target, count=len(artifact.files)),)), 2)
    return {key_for(artifact.text): artifact.text}, said._replace(
        diagnostics=(*said.diagnostics, *artifact.diagnostics), shown=EVERYTHING if arguments.report else said.shown
    )


def _left(data: bytes) -> tuple[Diagnostic, ...]:
    """What is to be said when there are settings still."""
    try:
        source = read_source(data, hidden=True)
    except SourceError:
        return ()
    return (diagnose("PC118", key=source.carrier),)


def _outcome(place: Path, data: bytes, said: Said, what: str) -> Outcome:
    return Outcome(
        result={"picture": str(place), "holds": what},
        said=(said,),
        files=(Output(place, "", data),),
        code=said.code,
    )
