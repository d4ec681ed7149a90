"""The cells of a sweep painted one after the other, what is finished already left out; then the sheet and the page."""

from base64 import b64encode
from glob import escape
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from paramc.api import check
from paramc.commands.grid_request import Done, Request, drawn
from paramc.commands.outcome import ERRORS_FOUND, FINE, LOUD, not_written
from paramc.commands.painting import SETTINGS, Preview, picture_bytes, runner_of
from paramc.commands.parser import Arguments
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, ParamcError
from paramc.ir.sweep import Cell
from paramc.passes.order import painting_order
from paramc.presentation.console import Console
from paramc.presentation.page import Shown, grid_page
from paramc.presentation.progress import Progress
from paramc.resources import write_atomically

if TYPE_CHECKING:
    from paramc.runtime.execute.runner import Runner
    from paramc.runtime.execute.watch import Progress as Passed
    from paramc.runtime.execute.watch import Watch

EMBEDDED: Final = 64 * 1024 * 1024  # bytes of pictures that a page holds itself; beyond, it names the files beside it


def paint_sweep(request: Request, arguments: Arguments, console: Console) -> Done:
    """The pictures, each with its own settings inside, a sheet with all of them, a page and an index.

    Raises Refused for a folder that takes no files.
    """
    try:
        return _painted(request, arguments, console)
    except OSError as error:
        raise not_written(request.folder, error) from error


def _painted(request: Request, arguments: Arguments, console: Console) -> Done:
    _remove_halves(request)
    names = {cell.place: request.file(cell).name for cell in request.cells}
    write_atomically(request.index, request.index_text(names).encode())
    work = _Work(request, arguments, console)
    work.paint()
    sheet, page = (request.folder / f"{request.name}{suffix}" for suffix in (".png", ".html"))
    linked = _write_whole(request, sheet, page)
    files = [*dict.fromkeys(request.file(cell) for cell in request.cells if request.file(cell).exists()), sheet, page]
    result = {"sheet": str(sheet), "page": str(page), "index": str(request.index), "cells": work.results()}
    said = tuple(dict.fromkeys((*drawn(request), *work.said, *linked)))
    shown = tuple(item for item in said if item.severity in LOUD)
    return Done("".join(f"{file}\n" for file in files), result, shown, work.summary(), code=work.code)


def _remove_halves(request: Request) -> None:
    """What a process that was killed had not finished writing."""
    for unfinished in request.folder.glob(f".{escape(request.stem)}-*"):
        unfinished.unlink(missing_ok=True)


class _Work:
    """The cells of one request; the runner is made when the first picture is really to be painted."""

    def __init__(self, request: Request, arguments: Arguments, console: Console) -> None:
        self._request, self._arguments, self._console = request, arguments, console
        self._runner: Runner | None = None
        self._painted: set[Path] = set()
        self._start = monotonic()
        self.said: list[Diagnostic] = []
        self.code = FINE

    def paint(self) -> None:
        """Every picture that is not there yet, in the order that reuses most of what is loaded."""
        todo = self._todo()
        progress = Progress(len(todo), self._console.errors, self._console.notify)
        for cell in todo:
            try:
                self._take(cell, progress)
            except ParamcError as error:
                self.said += error.diagnostics
                self.code = ERRORS_FOUND
            progress.step()
        progress.end()

    def results(self) -> list[dict[str, object]]:
        """What became of each cell."""
        found: list[dict[str, object]] = []
        for cell in self._request.cells:
            file = self._request.file(cell)
            name = str(file) if file.exists() else None
            kept = file not in self._painted
            found.append({"labels": list(cell.labels), "seed": cell.job.noise.seed, "file": name, "kept": kept})
        return found

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

    def _take(self, cell: Cell, progress: Progress) -> None:
        wrong = check(cell.job)
        if any(item.severity == "error" for item in wrong):
            self.said += wrong
            self.code = ERRORS_FOUND
            return
        file = self._request.file(cell)
        preview = Preview(file.with_suffix(".preview.png"), self._console)
        try:
            ran = self._open().run(cell.job, self._watch(progress, preview))
        finally:
            preview.end()
        self.said += ran.diagnostics
        place = min(cell.job.batch.position or 0, len(ran.images) - 1)
        write_atomically(file, picture_bytes(ran.images[place], ran.jobs[place]))
        self._painted.add(file)

    def _open(self) -> "Runner":
        if self._runner is None:
            self._runner = runner_of(self._arguments)
        return self._runner

    def _watch(self, progress: Progress, preview: Preview) -> "Watch":
        from paramc.runtime.execute.watch import Meter  # with torch, which only a run needs

        def show(passed: "Passed") -> None:
            total = f" of {passed.expected}" if passed.expected else ""
            progress.tell(f"{passed.op} {passed.calls + 1}{total}")

        return Meter(show, preview.show if self._arguments.preview else None)


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
