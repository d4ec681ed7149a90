"""The words of the UIs stand in tables, grammars and templates, never in Python."""

import re
from pathlib import Path

import pytest

import paramc

PACKAGE = Path(paramc.__file__).parent
WORDS = re.compile(
    r"DPM\+\+|\bEuler a\b|\"Restart\"|KSampler|CheckpointLoader|CLIPTextEncode|LoraLoader|VAEDecode|"
    r"Negative prompt:|Clip skip|CFG scale|Schedule type|Denoising strength|Hires (upscale|steps|resize)|Model hash|"
    r"DiscreteScheduler|StableDiffusion\w*Pipeline|FluxPipeline|masterpiece"
)


CLASSES = re.compile(r"^from diffusers\S* import (\w+)$", re.MULTILINE)


def words_in(package: Path) -> list[str]:
    """`file:line: word` for every word of a UI in the package's Python, but for classes that the runner calls itself."""
    return [
        f"{path.relative_to(package)}:{number}: {found[0]}"
        for path in sorted(package.rglob("*.py"))
        for text in [path.read_text(encoding="utf-8")]
        for called in [CLASSES.findall(text)]
        for number, line in enumerate(text.splitlines(), 1)
        for found in WORDS.finditer(line)
        if not any(found[0] in name and name in line for name in called)
    ]


def test_python_holds_no_word_of_a_ui() -> None:
    assert words_in(PACKAGE) == []


@pytest.mark.parametrize("line", ['NAME = "DPM++ 2M Karras"', "def f(): return 'KSampler'", "key = 'Clip skip'  # why"])
def test_such_a_word_is_noticed(tmp_path: Path, line: str) -> None:
    (tmp_path / "pass.py").write_text(line, encoding="utf-8")
    assert len(words_in(tmp_path)) == 1
