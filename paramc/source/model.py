"""What the readers of files hand over: the settings text, and where it was found."""

from dataclasses import dataclass, field
from typing import NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, Span
from paramc.source.text import REPLACEMENT, Decoded

LIMIT = 64 * 2**20  # bytes of text that a source may hold, packed or unpacked
FLOOR = 2**20  # bytes of text that any image may hold …
UNPACKED = 8  # … and as many more for each byte of its file: real settings shrink to a third, bombs to a thousandth
PROBLEMS_AT_MOST = 100
BARE = "text"  # the carrier of a text that lies in nothing


class Carried(NamedTuple):
    """One text of a file. `carrier` reads from the outside in: `png:tEXt:parameters`, `jpeg:Exif:UserComment`.

    replaced: pieces that are not valid in `encoding` and became U+FFFD. cut: the file ends inside this text.
    """

    carrier: str
    key: str
    text: str
    encoding: str
    replaced: int = 0
    cut: bool = False


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
        return f"{self.name}, {self.key}" if self.key else self.name

    @property
    def format(self) -> str:
        """What the text lay in: `png`, `jpeg` and the like, `sidecar` for a file beside, `text` for a bare one."""
        return self.carrier.partition(":")[0]

    @property
    def key(self) -> str:
        """The name that the text had in the file, empty for a bare text."""
        return "" if self.carrier == BARE else self.carrier.split(":", 2)[-1]

    def other(self, key: str) -> str | None:
        """The text of the same file under another key; of several the last, as image libraries keep it."""
        return next((text.text for text in reversed(self.others) if text.key == key), None)


@dataclass(slots=True)
class Findings:
    """The texts of one image while its reader walks through it. `limit`: bytes of text that all of them may take."""

    limit: int = LIMIT
    spent: int = 0
    size: tuple[int, int] | None = None
    texts: list[Carried] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)

    def add(self, place: str, key: str, text: Decoded, *, cut: bool = False) -> None:
        """Keep a text that lies under `key` of a `place` such as `png:tEXt`, without its closing NULs."""
        self.texts.append(Carried(f"{place}:{key}", key, text.text.rstrip("\0"), text.encoding, text.replaced, cut))

    def report(self, problem: Diagnostic) -> None:
        """Note what is wrong with the file, unless enough is wrong with it already."""
        if not self.is_ruined:
            self.problems.append(problem)

    @property
    def is_ruined(self) -> bool:
        """Whether so much is wrong that nobody will read of more."""
        return len(self.problems) >= PROBLEMS_AT_MOST

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


def undecodable(place: str, text: Decoded) -> tuple[Diagnostic, ...]:
    """What is to be said about pieces that became U+FFFD, pointing at the first of them."""
    if not text.replaced:
        return ()
    first = text.text.find(REPLACEMENT)
    return (diagnose("PC111", Span(first, first + 1), place=place, count=text.replaced, encoding=text.encoding),)
