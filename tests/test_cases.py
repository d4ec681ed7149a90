"""Cases that a person can read: every `## sentence` in tests/cases/*.md is one run of the command line.

A case is prose and fenced blocks; what stands behind the fence says what a block is:

    ```command           the words, quoted as in a shell; `SRC` stands for the block `argument`
    ```argument          a text that is given as one word
    ```stdin             standard input; `stdin escaped` understands \\x1b and the like
    ```file NAME         a file in the folder where the command runs; `file NAME from PATH` copies tests/golden/PATH
    ```stdout            what comes out; a block that is not there stands for nothing
    ```stderr
    ```written NAME      a file that was written
    ```exit              the exit code; 0 when there is no such block

A block's text is its lines, each with its line feed; a last line `\\ no line feed at the end` takes that of the line
above away. A fence may be longer than three to hold others. Nothing may be written but the `written` files.
`pytest --bless tests/test_cases.py` rewrites the last four kinds from what comes out: read the diff.
"""

import io
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from paramc.cli import main

HERE = Path(__file__).parent
EXPECTED = ("stdout", "stderr", "written", "exit")
OPEN_END = "\\ no line feed at the end\n"
FENCE = re.compile(r"(`{3,})(\w+) ?(.*)\n(?s:(.*?))^\1\n", re.MULTILINE)
HEADING = re.compile(r"^## (.*)\n", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    kind: str
    about: str
    text: str

    def __str__(self) -> str:
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`{3,}", self.text)), default=0))
        return f"{fence}{self.kind}{' ' * bool(self.about)}{self.about}\n{self.text}{fence}\n"


@dataclass(frozen=True)
class Case:
    path: Path
    title: str
    source: str  # the section of the file, its heading left out

    @property
    def blocks(self) -> list[Block]:
        return [Block(kind, about, text) for _, kind, about, text in FENCE.findall(self.source)]

    def text(self, kind: str, about: str = "") -> str:
        """The text of the block of that kind, empty when there is none."""
        return next((block.text for block in self.blocks if (block.kind, block.about) == (kind, about)), "")


@dataclass
class Result:
    stdout: str
    stderr: str
    code: int
    written: dict[str, str] = field(default_factory=dict)

    def blocks(self) -> Iterator[Block]:
        """What was seen, as a case file says it."""
        streams = [("stdout", "", self.stdout), ("stderr", "", self.stderr)]
        for kind, about, text in (*streams, *(("written", name, text) for name, text in sorted(self.written.items()))):
            if text:
                yield Block(kind, about, text if text.endswith("\n") else f"{text}\n{OPEN_END}")
        if self.code:
            yield Block("exit", "", f"{self.code}\n")


def cases(path: Path) -> list[Case]:
    """The cases of one file."""
    _, *sections = HEADING.split(path.read_text(encoding="utf-8"))
    return [Case(path, title, source) for title, source in zip(sections[::2], sections[1::2], strict=True)]


def given(case: Case, folder: Path) -> dict[str, bytes]:
    """Put the case's files into the folder."""
    for block in case.blocks:
        if block.kind == "file":
            name, _, origin = block.about.partition(" from ")
            if origin:
                shutil.copyfile(HERE / "golden" / origin, folder / name)
            else:
                (folder / name).write_text(block.text, encoding="utf-8")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def words(case: Case) -> list[str]:
    """The words of the command, `paramc` left out."""
    program, *rest = shlex.split(case.text("command"))
    assert program == "paramc"
    return [case.text("argument").removesuffix("\n") if word == "SRC" else word for word in rest]


def standard_input(case: Case) -> bytes:
    escaped = case.text("stdin", "escaped").encode("latin-1", "backslashreplace").decode("unicode_escape")
    return (escaped or case.text("stdin")).encode("utf-8")


def run(case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    """What the command line makes of the case in an empty folder."""
    before = given(case, folder)
    streams = {"stdin": io.BytesIO(standard_input(case)), "stdout": io.BytesIO(), "stderr": io.BytesIO()}
    monkeypatch.chdir(folder)
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, io.TextIOWrapper(stream, encoding="utf-8"))
    code = main(words(case))
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert before.keys() <= after.keys()
    written = {name: data.decode() for name, data in after.items() if before.get(name) != data}
    return Result(streams["stdout"].getvalue().decode(), streams["stderr"].getvalue().decode(), code, written)


def bless(case: Case, result: Result) -> None:
    """Rewrite the expectations of the case in its file."""
    kept = FENCE.sub(lambda match: "" if match[2] in EXPECTED else match[0], case.source).rstrip("\n")
    section = "\n".join([f"{kept}\n", *map(str, result.blocks())]) + "\n"
    text = case.path.read_text(encoding="utf-8")
    case.path.write_text(
        text.replace(f"## {case.title}\n{case.source}", f"## {case.title}\n{section}"), encoding="utf-8"
    )


ALL = [case for path in sorted((HERE / "cases").glob("*.md")) for case in cases(path)]


@pytest.mark.parametrize("case", ALL, ids=[f"{case.path.stem}: {case.title}" for case in ALL])
def test_case(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    result = run(case, tmp_path, monkeypatch)
    if request.config.getoption("--bless"):
        bless(case, result)
        return
    assert list(result.blocks()) == [block for block in case.blocks if block.kind in EXPECTED]


def test_titles_are_used_once() -> None:
    titles = [(case.path, case.title) for case in ALL]
    assert len(titles) == len(set(titles))


def test_a_wrong_expectation_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "```command\nparamc --version\n```\n\n```stdout\nparamc 0.0.0\n```\n"
    case = Case(tmp_path / "x.md", "a lie", source)
    assert list(run(case, tmp_path, monkeypatch).blocks()) != [block for block in case.blocks if block.kind in EXPECTED]


def test_blessing_keeps_prose_and_input(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_text(
        "# T\n\n## a\nprose\n\n```command\nparamc x\n```\n\n```stdout\nold\n```\n\n## b\nrest\n", encoding="utf-8"
    )
    bless(cases(path)[0], Result("new\n", "", 1))
    expected = (
        "# T\n\n## a\nprose\n\n```command\nparamc x\n```\n\n```stdout\nnew\n```\n\n```exit\n1\n```\n\n## b\nrest\n"
    )
    assert path.read_text(encoding="utf-8") == expected
