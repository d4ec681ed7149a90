"""Every image of the corpus: what its index expects is read, and negatives hold no settings."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramc.api import load
from paramc.diagnostics.model import ParamcError
from paramc.source.detect import open_file
from tests.unit.dialects.expected import differences

NEGATIVE = {"none", "aigc_label", "ti_embedding"}


@pytest.fixture(scope="module")
def index(corpus: Path) -> list[dict]:
    lines = (corpus / "images" / "index.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def missed(corpus: Path, index: list[dict]) -> Iterator[tuple[str, object]]:
    for record in index:
        if record["ui"] in NEGATIVE:
            continue
        try:
            loaded = load(open_file(corpus / "images" / record["file"]))
        except ParamcError as error:
            yield record["file"], str(error)
            continue
        for difference in differences(loaded, record["expected"]):
            yield record["file"], difference


def test_every_image_says_what_is_expected_of_it(corpus: Path, index: list[dict]) -> None:
    assert list(missed(corpus, index)) == []


def test_negatives_hold_no_settings(corpus: Path, index: list[dict]) -> None:
    held = []
    for record in index:
        if record["ui"] in NEGATIVE:
            try:
                held.append((record["file"], load(open_file(corpus / "images" / record["file"]))))
            except ParamcError:
                continue
    assert held == []


def test_metadata_of_the_site_is_read(corpus: Path) -> None:
    from paramc.dialects.read_record import read_record
    from paramc.dialects.registry import find_dialect
    from paramc.passes.sniff import sniff

    dialect = find_dialect("civitai_meta")
    lines = (corpus / "civitai_meta.jsonl").read_text(encoding="utf-8").splitlines()
    metas = [json.loads(line)["meta"] for line in lines]
    for meta in metas:
        text = json.dumps(meta, ensure_ascii=False)
        job, _ = read_record(text, dialect)
        assert sniff(text)[0] == "civitai_meta"
        assert (job.sampling.steps, job.noise.seed) == (meta.get("steps"), meta.get("seed"))
        assert job.prompt.text == (meta.get("prompt") or "")
