"""The cells of a sweep painted one after the other, what is finished already left out; then the sheet and the page."""

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from paramc.api import check
from paramc.commands.grid_request import Done, Request, drawn
from paramc.commands.outcome import ERRORS_FOUND, FINE, LOUD, not_written
from paramc.commands.outputs import make_folder
from paramc.commands.painter import Painter
from paramc.commands.painting import SETTINGS, news, picture_bytes
from paramc.commands.parser import Arguments
from paramc.commands.sources import grammar_folders
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, ParamcError
from paramc.ir.sweep import Cell
from paramc.passes.batches import batches, joined
from paramc.passes.order import painting_order
from paramc.presentation.console import Console
from paramc.presentation.page import Shown, grid_page
from paramc.presentation.progress import Progress
from paramc.resources import remove_unfinished, write_atomically

if TYPE_CHECKING:
    from paramc.runtime.execute.watch import Progress as Passed

EMBEDDED: Final = 64 * 1024 * 1024  # bytes of pictures that a page holds itself; beyond, it names the files beside it


def paint_sweep(request: Request, arguments: Arguments, console: Console) -> Done:
    """The pictures, each with its own settings inside, an index, and where there are any a sheet and a page of all.

    Raises Refused for a folder that takes no files.
    """
    try:
        return _painted(request, arguments, console)
    except OSError as error:
        raise not_written(request.folder, error) from error


def _painted(request: Request, arguments: Arguments, console: Console) -> Done:
    make_folder(request.folder)
    sheet, page = (request.folder / f"{request.name}{suffix}" for suffix in (".png", ".html"))
    wanted = {cell.place: request.file(cell) for cell in request.cells}
    remove_unfinished([request.index, sheet, page, *wanted.values()])
    names = {place: file.name for place, file in wanted.items()}
    write_atomically(request.index, request.index_text(names).encode())
    work = _Work(request, arguments, console)
    work.paint()
    files = [file for file in dict.fromkeys(wanted.values()) if file.exists()]
    cells = [work.result(cell)._asdict() for cell in request.cells]
    result: dict[str, object] = {"index": str(request.index), "cells": cells}
    linked: tuple[Diagnostic, ...] = ()
    if files:
        linked = _write_whole(request, sheet, page)
        files += [sheet, page]
        result |= {"sheet": str(sheet), "page": str(page)}
    said = tuple(dict.fromkeys((*drawn(request), *work.said, *linked)))
    shown = tuple(item for item in said if item.severity in LOUD)
    return Done("".join(f"{file}\n" for file in files), result, shown, work.summary(), code=work.code)


class _Result(NamedTuple):
    """A cell and its picture, None where it failed; `kept`: from an earlier run."""

    labels: tuple[str, ...]
    seed: int | None
    file: str | None
    kept: bool


class _Work:
    """The cells of one request."""

    def __init__(self, request: Request, arguments: Arguments, console: Console) -> None:
        self._request, self._arguments, self._console = request, arguments, console
        self._painter = Painter(arguments, console)
        self._told = check(request.job)
        self._painted: set[Path] = set()
        self._start = monotonic()
        self.said: list[Diagnostic] = []
        self.code = FINE

    def paint(self) -> None:
        """Every picture that is not there yet, in the order that reuses most of what is loaded."""
        todo = self._todo()
        progress = Progress(len(todo), self._console.errors, self._console.notify)
        for places in batches([cell.job for cell in todo], self._arguments.batch, grammar_folders(self._arguments)):
            try:
                self._take([todo[place] for place in places], progress)
            except ParamcError as error:
                self.said += error.diagnostics
                self.code = ERRORS_FOUND
            for _ in places:
                progress.step()
        progress.end()

    def result(self, cell: Cell) -> _Result:
        """What became of a cell."""
        file = self._request.file(cell)
        name = str(file) if file.exists() else None
        return _Result(cell.labels, cell.job.noise.seed, name, kept=file not in self._painted)

    def summary(self) -> str:
        """How many there are, and how long it took."""
        files = {self._request.file(cell) for cell in self._request.cells}
        passed, count = monotonic() - self._start, len(self._painted)
        each = f" in {passed:.1f} s ({passed / count:.2f} s each)" if count else ""
        kept = sum(1 for file in files - self._painted if file.exists())
        missing = len(files) - count - kept
        rest = [f"{kept} kept"] * bool(kept) + [f"{missing} failed"] * bool(missing)
        return ", ".join([f"{count} painted{each}", *rest]) + "\n"

    def _todo(self) -> list[Cell]:
        cells = {self._request.file(cell): cell for cell in self._request.cells}
        open_ = [cell for file, cell in cells.items() if self._arguments.force or not file.exists()]
        return [open_[place] for place in painting_order(cell.job for cell in open_)]

    def _take(self, cells: Sequence[Cell], progress: Progress) -> None:
        """Cells that are painted at once; a single one may be any picture of its batch."""
        jobs = [cell.job for cell in cells]
        wrong = check(jobs[0])
        if any(item.severity == "error" for item in wrong):
            self.said += wrong
            self.code = ERRORS_FOUND
            return

        def show(passed: "Passed") -> None:
            total = f" of {passed.expected}" if passed.expected else ""
            progress.tell(f"{passed.op} {passed.calls + 1}{total}")

        ran = self._painter.paint(joined(jobs), self._request.file(cells[0]), show)
        self.said += news(ran.diagnostics, self._told)
        first = min(jobs[0].batch.position or 0, len(ran.images) - 1)
        for place, cell in enumerate(cells, first):
            own = ran.jobs[place] if len(cells) == 1 else ran.jobs[place].model_copy(update={"batch": cell.job.batch})
            file = self._request.file(cell)
            write_atomically(file, picture_bytes(ran.images[place], own))
            self._painted.add(file)


def _write_whole(request: Request, sheet: Path, page: Path) -> tuple[Diagnostic, ...]:
    """The sheet and the page of what there is."""
    from paramc.presentation.sheet import contact_sheet  # with Pillow
    from paramc.runtime.execute.saving import png_bytes

    cells = {request.position(cell): cell for cell in request.cells}
    files = {place: request.file(cell) for place, cell in cells.items()}
    there = {place: file if file.exists() else None for place, file in files.items()}
    write_atomically(sheet, png_bytes(contact_sheet(request.layout, there), {}))
    embeds = sum(file.stat().st_size for file in there.values() if file) <= EMBEDDED
    shown = {place: _shown(request.title(cells[place]), file, embeds=embeds) for place, file in there.items()}
    text = grid_page(request.name, request.layout, shown)
    write_atomically(page, text.encode("utf-8", "backslashreplace"))
    return () if embeds else (diagnose("PC831", page=page.name),)


def _shown(title: str, file: Path | None, *, embeds: bool) -> Shown:
    if file is None:
        return Shown(title, "", "")
    data = file.read_bytes()
    source = f"data:image/png;base64,{b64encode(data).decode()}" if embeds else quote(file.name)
    return Shown(title, source, _settings(file))


def _settings(file: Path) -> str:
    """The settings text that a picture carries."""
    from PIL import Image

    with Image.open(file) as image:
        text = image.info.get(SETTINGS, "")
    return text if isinstance(text, str) else ""
