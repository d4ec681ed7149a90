"""Every recorded text: tokens and weights exactly, vectors to 1e-5 of the greatest (A1111, Forge, ComfyUI; float32)."""

import json
from dataclasses import replace

import pytest

pytest.importorskip("torch")

import torch

import paramc
from paramc.ir.geometry import Size
from paramc.ir.plan import Encode
from paramc.runtime.text.bpe import tokeniser
from paramc.runtime.text.cutting import cut
from paramc.runtime.text.encode import encode
from paramc.runtime.text.manners import find_manner
from paramc.runtime.text.normalise import Normalisation
from paramc.runtime.text.row import Row
from paramc.runtime.text.sizes import sinusoids, sized, time_ids
from paramc.runtime.text.texts import EncodedTexts, Texts, encode_texts
from paramc.runtime.text.words import LearnedWord
from tests.conformance.text.recorded import (
    EMPHASES,
    TOLERANCE,
    Case,
    bracketed,
    cases,
    comfyui_runs,
    content,
    deviation,
    expected,
    learned,
    op,
    op_of,
    runs,
    sines,
)
from tests.conformance.text.tiny_clip import encoder, stack

pytestmark = pytest.mark.sdk

A1111 = find_manner("a1111")
COMFYUI = find_manner("comfyui")
REFUSED = "(cat:1.1.1)"  # fails in A1111; what paramc makes of it is in the tests of emphasis
AESTHETIC = {"positive": 6.0, "negative": 2.5}


def numbered(name: str) -> list[object]:
    return [pytest.param(case, id=f"{index}") for index, case in enumerate(cases(name))]


@pytest.mark.parametrize("case", [case for case in numbered("a1111_sd1") if "error" not in case.values[0]])
def test_sd1_as_a1111_encodes_it(case: Case) -> None:
    changed = case["opts"]
    texts = case.get("batch") or [case["prompt"]]
    emphasis = EMPHASES[changed.get("emphasis", "Original")]
    wanted = op(*texts, emphasis=emphasis, layer=-changed.get("CLIP_stop_at_last_layers", 1))
    if "use_old_emphasis_implementation" in changed:
        wanted = op_of([(text, bracketed(text)) for text in texts])
    done = encode(wanted, stack("sd1"), A1111, words=[learned()], backtrack=changed.get("comma_padding_backtrack"))
    tokens = torch.cat([entry.conditioning.tokens for entry in done.entries])
    assert deviation(tokens if "batch" in case else tokens[0], expected("a1111_sd1", case)) <= TOLERANCE


@pytest.mark.parametrize("case", numbered("a1111_sd2"))
def test_sd2_as_a1111_encodes_it(case: Case) -> None:
    layer = -case.get("opts", {}).get("CLIP_stop_at_last_layers", 1)
    done = encode(op(case["prompt"], layer=layer), stack("sd2"), A1111, words=[unlearned()])
    rows = [list(row.tokens) for row in done.rows[0]]
    assert rows == case.get("tokens", rows)
    assert deviation(done.entries[0].conditioning.tokens[0], expected("a1111_sd2", case)) <= TOLERANCE


@pytest.mark.parametrize("case", numbered("a1111_sdxl"))
def test_sdxl_as_a1111_encodes_it(case: Case) -> None:
    changed = case["opts"]
    manner = replace(A1111, layers="first") if "sdxl_clip_l_skip" in changed else A1111
    wanted = op(
        case["prompt"],
        emphasis=EMPHASES[changed.get("emphasis", "Original")],
        layer=-changed.get("CLIP_stop_at_last_layers", 1),
        negative=case["negative"],
    )
    done = encode(wanted, stack("sdxl"), manner, words=[unlearned()]).entries[0].conditioning
    crop = (changed.get("sdxl_crop_top", 0), changed.get("sdxl_crop_left", 0))
    whole = sized(done, Size(case["width"], case["height"]), crop=crop)
    assert deviation(whole.tokens[0], expected("a1111_sdxl", case)) <= TOLERANCE
    assert deviation(whole.vector[0], expected("a1111_sdxl", case, "vector", "vec_row")) <= TOLERANCE


@pytest.mark.parametrize("key", [key for key in content("a1111_chunks")["data"] if REFUSED not in key])
def test_rows_are_packed_as_by_a1111(key: str) -> None:
    backtrack, emphasis, text = key.split("|", 2)
    manner = replace(A1111, backtrack=int(backtrack))
    rows = cut(runs(text, EMPHASES[emphasis]), manner, {"myemb": 3}).rows
    found = [[[*row.tokens], [*row.weights], [[place - 1, name] for place, name, _ in row.learned]] for row in rows]
    assert found == [[chunk["t"], chunk["m"], chunk["fix"]] for chunk in content("a1111_chunks")["data"][key][0]]


@pytest.mark.parametrize("case", numbered("forge_text"))
def test_text_as_forge_encodes_it(case: Case) -> None:
    wanted = op(case["prompt"], emphasis=EMPHASES[case["emphasis"]], layer=-case["clip_skip"])
    done = encode(wanted, stack(case["model"]), find_manner("forge")).entries[0].conditioning
    assert deviation(done.tokens[0], expected("forge_text", case)) <= TOLERANCE
    if "pooled_row" in case:
        assert deviation(done.vector[0], expected("forge_text", case, "pooled", "pooled_row")) <= TOLERANCE


@pytest.mark.parametrize("case", numbered("comfy_sd1"))
def test_sd1_as_comfyui_encodes_it(case: Case) -> None:
    done = as_comfyui("sd1", case)
    assert deviation(done.tokens[0], expected("comfy_sd1", case)) <= TOLERANCE
    assert deviation(done.pooled[0], expected("comfy_sd1", case, "pooled", "pooled_row")) <= TOLERANCE


@pytest.mark.parametrize("case", [case for case in numbered("comfy_sd1") if not case.values[0]["clip_layer"]])
def test_the_text_of_a_graph_is_encoded_as_comfyui_does(case: Case) -> None:
    wanted = encoding_of(case["prompt"])
    done = encode(wanted, stack("sd1"), find_manner(wanted.manner), words=[learned()], backtrack=wanted.backtrack)
    assert deviation(done.entries[0].conditioning.tokens[0], expected("comfy_sd1", case)) <= TOLERANCE


@pytest.mark.parametrize("case", [case for case in numbered("comfy_sdxl") if "fn" not in case.values[0]])
def test_sdxl_as_comfyui_encodes_it(case: Case) -> None:
    done = as_comfyui("sdxl", case)
    assert deviation(done.tokens[0], expected("comfy_sdxl", case)) <= TOLERANCE
    assert deviation(done.pooled[0], expected("comfy_sdxl", case, "pooled", "pooled_row")) <= TOLERANCE


@pytest.mark.parametrize("case", [case for case in numbered("comfy_sdxl") if "fn" in case.values[0]])
def test_sizes_as_comfyui_encodes_them(case: Case) -> None:
    target = Size(case["target_width"], case["target_height"]) if "target_width" in case else None
    crop = (case.get("crop_h", 0), case.get("crop_w", 0))
    score = AESTHETIC.get(case.get("prompt_type", ""))
    found = sinusoids(time_ids(Size(case["width"], case["height"]), crop=crop, target=target, aesthetic=score))
    assert deviation(found[0], expected("comfy_sdxl", case)[24:]) <= TOLERANCE  # behind 24 zeros of pooled text


@pytest.mark.parametrize("text", content("comfy_tokens")["data"])
def test_rows_are_grouped_as_by_comfyui(text: str) -> None:
    rows = cut(comfyui_runs(text), COMFYUI, {"myemb": 3}).rows
    assert [with_vectors(row) for row in rows] == content("comfy_tokens")["data"][text]


@pytest.mark.parametrize(
    ("normalisation", "program"), [("mended", "a1111"), ("spaced", "comfyui"), ("composed", "hf5")]
)
@pytest.mark.parametrize("text", content("tokenizer_variants")["data"])
def test_texts_are_cut_into_the_tokens_of(text: str, normalisation: Normalisation, program: str) -> None:
    assert tokeniser(normalisation).ids(text) == content("tokenizer_variants")["data"][text][program]


def encoding_of(text: str) -> Encode:
    """What is planned for the positive text of a graph."""
    words = {"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": ["file", 1]}}
    wires = {"model": ["file", 0], "positive": ["good", 0], "negative": ["good", 0], "latent_image": ["start", 0]}
    settings = {"seed": 1, "steps": 2, "cfg": 5.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    graph = {
        "file": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
        "start": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "good": words,
        "pass": {"class_type": "KSampler", "inputs": settings | wires},
        "picture": {"class_type": "VAEDecode", "inputs": {"samples": ["pass", 0], "vae": ["file", 2]}},
        "saved": {"class_type": "SaveImage", "inputs": {"images": ["picture", 0], "filename_prefix": "x"}},
    }
    ops = paramc.lower(paramc.parse(json.dumps(graph))).ops
    return next(op for op in ops if isinstance(op, Encode) and not op.negative)


def as_comfyui(base: str, case: Case) -> EncodedTexts:
    """With the pooled vector of SD 1 too, which no network takes and the recordings have."""
    whole = stack(base)
    whole = replace(whole, base=replace(whole.base, pooled=True))
    texts = Texts((case["prompt"],), (comfyui_runs(case["prompt"]),), (1,), "comfy", case["clip_layer"])
    return encode_texts(texts, whole, COMFYUI, [learned()])


def with_vectors(row: Row) -> list[list[object]]:
    """Tokens and weights; `emb` in the places of vectors."""
    places = {place + index for place, _, first in row.learned for index in range(3 - first)}
    pairs = zip(row.tokens, row.weights, strict=True)
    return [["emb" if index in places else token, weight] for index, (token, weight) in enumerate(pairs)]


def unlearned() -> LearnedWord:
    """The word as A1111's recordings have it: vectors were put into CLIP-L alone, OpenCLIP saw the token 0."""
    plain = encoder("g").get_input_embeddings().weight[:1].detach().repeat(3, 1)
    return LearnedWord("myemb", {"l": sines(3, 16, 0), "g": plain, "h": plain})
