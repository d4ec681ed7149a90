"""Work in several processes: all results, whatever happens to one of them."""

import os
import time
from pathlib import Path

import pytest

from paramc.archive.pool import Lost, each


def shout(path: str) -> str:
    return path.upper()


def stumble(path: str) -> str:
    if path == "bad":
        raise KeyError(path)
    return path.upper()


def die(path: str) -> str:
    if path == "bad":
        os._exit(9)
    return path.upper()


def hang(path: str) -> str:
    if path == "bad":
        time.sleep(600)
    return path.upper()


NAMES = [f"n{number}" for number in range(100)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_path_gives_one_result(jobs: int) -> None:
    assert sorted(map(str, each(shout, NAMES, jobs))) == sorted(name.upper() for name in NAMES)


def test_nothing_gives_nothing() -> None:
    assert list(each(shout, [], 2)) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_exception_costs_its_file_only(jobs: int) -> None:
    results = list(each(stumble, [*NAMES[:40], "bad", *NAMES[40:]], jobs))
    assert [item for item in results if isinstance(item, Lost)] == [Lost("bad", "KeyError: 'bad'")]
    assert len(results) == 101


def test_a_process_that_dies_costs_its_file_only() -> None:
    results = list(each(die, [*NAMES[:40], "bad", *NAMES[40:]], 2))
    assert [item for item in results if isinstance(item, Lost)] == [Lost("bad", "the process that read it ended")]
    assert sorted(item for item in results if isinstance(item, str)) == sorted(name.upper() for name in NAMES)


def test_a_process_that_hangs_costs_its_file_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paramc.archive.pool.PATIENCE", 3.0)
    results = list(each(hang, [*NAMES[:10], "bad", *NAMES[10:20]], 2))
    assert [item.path for item in results if isinstance(item, Lost)] == ["bad"]
    assert len(results) == 21


def test_paths_are_taken_as_they_are_needed() -> None:
    taken: list[str] = []

    def endless():
        while True:
            taken.append("x")
            yield "x"

    results = each(shout, endless(), 2)
    for _ in range(300):
        next(results)
    results.close()
    assert len(taken) < 300 + 4 * 32


def test_processes_end_with_their_parent(tmp_path: Path) -> None:
    """A parent that is killed has no time to say goodbye."""
    import subprocess
    import sys

    script = tmp_path / "parent.py"
    script.write_text(
        "import sys, time\n"
        "from paramc.archive.pool import each\n"
        "def slow(path):\n    import os; open(path, 'w').write(str(os.getpid())); time.sleep(0.2); return path\n"
        "if __name__ == '__main__':\n"
        f"    for _ in each(slow, [r'{tmp_path}/' + str(n) for n in range(1000)], 2): pass\n",
        encoding="utf-8",
    )
    parent = subprocess.Popen(
        [sys.executable, script], cwd=Path(__file__).parents[3], env={**os.environ, "PYTHONPATH": "."}
    )
    while not (tmp_path / "0").exists() or not (tmp_path / "0").read_text():
        time.sleep(0.05)
    child = int((tmp_path / "0").read_text())
    parent.kill()
    parent.wait()
    for _ in range(200):
        if not Path(f"/proc/{child}").exists() or " Z " in Path(f"/proc/{child}/stat").read_text():
            return
        time.sleep(0.05)
    pytest.fail("the child lives on")
