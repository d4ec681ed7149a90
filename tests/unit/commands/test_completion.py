"""Shell completion: the scripts are run by the shells that are there."""

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import pytest

from paramc.commands.completion import run
from paramc.commands.parser import SHELLS, Arguments, parser_of
from paramc.commands.verbs import VERBS
from paramc.presentation.console import Console


def script(shell: str) -> str:
    return run(Arguments(what=shell), Console(BytesIO())).text


def completed(tmp_path: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    (tmp_path / "completion.bash").write_text(script("bash"), encoding="utf-8")
    listed = " ".join(f"'{word}'" for word in ("paramc", *words))
    reply = 'printf "%s\\n" "${COMPREPLY[@]}"'
    ask = f"source completion.bash; COMP_WORDS=({listed}); COMP_CWORD={len(words)}; _paramc; {reply}"
    done = subprocess.run(["bash", "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


bash = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@bash
def test_bash_completes_verbs(tmp_path: Path) -> None:
    assert completed(tmp_path, "co") == ["convert", "completion"]


@bash
def test_bash_completes_targets(tmp_path: Path) -> None:
    assert completed(tmp_path, "convert", "--to", "com") == ["comfyui"]


@bash
def test_bash_completes_flags(tmp_path: Path) -> None:
    assert completed(tmp_path, "convert", "--at") == ["--at-least"]


@bash
def test_bash_completes_codes(tmp_path: Path) -> None:
    assert completed(tmp_path, "explain", "PC62") == ["PC620", "PC621", "PC622", "PC623", "PC624"]


@bash
def test_bash_completes_files_where_sources_go(tmp_path: Path) -> None:
    (tmp_path / "cat.png").touch()
    assert completed(tmp_path, "show", "ca") == ["cat.png"]


@bash
def test_bash_completes_folders_only_where_folders_go(tmp_path: Path) -> None:
    (tmp_path / "cat.png").touch()
    (tmp_path / "cats").mkdir()
    assert completed(tmp_path, "list", "--grammars", "ca") == ["cats"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_accepts_its_script(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    path = tmp_path / "script"
    path.write_text(script(shell), encoding="utf-8")
    assert subprocess.run([shell, "-n", path], capture_output=True, text=True, check=False).stderr == ""


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("verb", VERBS)
def test_every_flag_of_every_verb_is_in_the_script(shell: str, verb: str) -> None:
    text = script(shell)
    flags = [flag for action in parser_of(verb).arguments for flag in action.option_strings if flag.startswith("--")]
    assert [flag for flag in flags if f"-l {flag[2:]}" not in text and flag not in text] == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_arguments_of_its_own(verb: str) -> None:
    known = {action.dest for action in parser_of(verb).arguments}
    assert known - {"help", "format"}, "a verb without a case in the parser takes nothing"
