"""Real settings texts, through every pass, as graphs that ComfyUI's own validation accepts."""

import json
from pathlib import Path

import pytest

from paramc import api
from tests.unit.backends.graph.server import refusals

SAMPLE = Path(__file__).parents[3] / "golden" / "corpus" / "infotext.jsonl"


def wrong_graphs(texts: list[str], form: str) -> dict[str, list[str]]:
    """What the server would refuse, by the text that led to it; it raises when the product's own check does."""
    graphs = {text: json.loads(api.compile(api.parse(text), "comfyui", options={"form": form}).text) for text in texts}
    return {text: found for text, graph in graphs.items() if (found := refusals(graph))}


@pytest.mark.parametrize("form", ["ksampler", "faithful"])
def test_sampled_texts_become_graphs_that_the_server_accepts(form: str) -> None:
    with SAMPLE.open(encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    assert len(texts) > 50
    assert wrong_graphs(texts, form) == {}


@pytest.mark.parametrize("form", ["ksampler", "faithful"])
def test_all_texts_become_graphs_that_the_server_accepts(corpus_texts: list[dict[str, object]], form: str) -> None:
    texts = [str(record["text"]) for record in corpus_texts]
    assert len(texts) == 1459
    assert wrong_graphs(texts, form) == {}
