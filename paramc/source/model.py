"""What the readers of files hand over: the settings text, and where it was found."""

from dataclasses import dataclass, field
from typing import NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic

LIMIT = 64 * 2**20  # bytes of text that a source may hold, packed or unpacked


class Carried(NamedTuple):
    """One text of a file. `carrier` reads from the outside in: `png:tEXt:parameters`, `jpeg:Exif:UserComment`.

    replaced: pieces that are not valid in `encoding` and became U+FFFD.
    """

    carrier: str
    key: str
    text: str
    encoding: str
    replaced: int = 0


class Source(NamedTuple):
    """A settings text with its origin.

    name: file name, `<stdin>` or `<text>`. carrier: `text`, or as in Carried. size: (width, height) of an image.
    others: further texts of the same file, in file order. diagnostics: what was wrong with the file.
    """

    text: str
    name: str
    carrier: str
    encoding: str
    size: tuple[int, int] | None = None
    others: tuple[Carried, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def place(self) -> str:
        """The name that diagnostics print: `cat.png, parameters`."""
        _, _, key = self.carrier.rpartition(":")
        return self.name if self.carrier == "text" else f"{self.name}, {key}"


@dataclass(slots=True)
class Findings:
    """The texts of one image while its reader walks through it. `limit`: bytes of text that all of them may take."""

    limit: int = LIMIT
    spent: int = 0
    size: tuple[int, int] | None = None
    texts: list[Carried] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)

    def add(self, carrier: str, key: str, text: str, encoding: str, *, replaced: int = 0) -> None:
        """Keep a text, without its closing NULs."""
        self.texts.append(Carried(f"{carrier}:{key}", key, text.rstrip("\0"), encoding, replaced))

    def report(self, problem: Diagnostic) -> None:
        """Note what is wrong with the file."""
        self.problems.append(problem)

    def spend(self, count: int, key: str) -> bool:
        """Take `count` bytes from what is left; a text that exceeds it is reported and refused."""
        if count > self.left:
            self.report(diagnose("PC108", place=key, limit=self.limit))
            return False
        self.spent += count
        return True

    @property
    def left(self) -> int:
        """Bytes of text still allowed."""
        return self.limit - self.spent
