"""Encode ops on the small encoders: schedules, lengths, layers, empty negatives."""

from dataclasses import replace

import pytest

pytest.importorskip("torch")

import torch
from transformers import CLIPTextConfig, CLIPTextModel

from paramc.diagnostics.model import RunError
from paramc.ir.geometry import Size
from paramc.ir.plan import Run
from paramc.runtime.denoise.conditioning import Conditioning, filled
from paramc.runtime.text.encode import empty_prompt, encode
from paramc.runtime.text.encoder import Encoder
from paramc.runtime.text.manners import find_base, find_manner
from paramc.runtime.text.row import EMPTY_ROW
from paramc.runtime.text.sizes import sized, time_ids
from paramc.runtime.text.stack import text_stack
from tests.conformance.text.recorded import learned, op, op_of
from tests.conformance.text.tiny_clip import encoder, stack

pytestmark = pytest.mark.sdk

A1111, FORGE, COMFYUI = (find_manner(name) for name in ("a1111", "forge", "comfyui"))


def tokens(*texts: str, base: str = "sd1", manner: object = A1111, **settings: object) -> list[torch.Tensor]:
    done = encode(op(*texts, **settings), stack(base), manner)
    return [entry.conditioning.tokens for entry in done.entries]


def test_the_last_hidden_state_is_the_models_own_output() -> None:
    done = encode(op("a red fox"), stack("sd1"), A1111)
    with torch.no_grad():
        wanted = encoder("l")(torch.tensor([done.rows[0][0].tokens])).last_hidden_state
    assert torch.allclose(done.entries[0].conditioning.tokens, wanted, atol=1e-6)


def test_an_earlier_layer_keeps_the_final_norm_on_sd1() -> None:
    done = encode(op("a red fox", layer=-2), stack("sd1"), A1111)
    with torch.no_grad():
        states = encoder("l")(torch.tensor([done.rows[0][0].tokens]), output_hidden_states=True).hidden_states
        wanted = encoder("l").final_layer_norm(states[-2])
    assert torch.allclose(done.entries[0].conditioning.tokens, wanted, atol=1e-6)


def test_each_entry_has_its_call_and_texts_that_come_back_are_the_same_values() -> None:
    done = encode(op("a cat", "a dog", "a cat"), stack("sd1"), A1111)
    assert [entry.last_call for entry in done.entries] == [0, 1, 2]
    assert done.entries[0].conditioning is done.entries[2].conditioning


def test_a_weight_in_one_entry_changes_the_others() -> None:
    alone, together = tokens("a dog")[0], tokens("a dog", "(a cat:1.5)")[0]
    assert not torch.allclose(alone, together)


def test_a_text_that_comes_back_weighs_as_often_in_the_mean() -> None:
    counted = tokens("(a cat:1.5)", "a dog", "a dog")[1]
    spelt = tokens("(a cat:1.5)", "a dog", "a  dog")[1]  # other text, same tokens
    assert torch.allclose(counted, spelt, atol=1e-6)


def test_shorter_texts_are_filled_with_empty_rows() -> None:
    short, long = tokens("a cat", "cat " * 80, emphasis="no_norm")
    assert short.shape == long.shape == (1, 154, 16)
    assert torch.allclose(short[:, 77:], tokens("")[0])


def test_the_empty_prompt_fills_a_shorter_conditioning() -> None:
    wanted = op("cat")
    empty = empty_prompt(wanted, stack("sdxl"), A1111)
    part = encode(wanted, stack("sdxl"), A1111).entries[0].conditioning
    assert filled(part, 154, empty).tokens.shape == (1, 154, 40)
    assert torch.allclose(empty, tokens("", base="sdxl")[0])


@pytest.mark.parametrize(
    ("text", "manner", "negative", "silent"),
    [
        ("", A1111, True, True),
        ("", FORGE, True, True),
        ("", COMFYUI, True, False),
        (" ", A1111, True, False),
        ("", A1111, False, False),
    ],
)
def test_an_empty_negative_says_nothing_to_sdxl(text: str, manner: object, negative: bool, silent: bool) -> None:
    part = encode(op(text, negative=negative), stack("sdxl"), manner).entries[0].conditioning
    assert (bool(part.tokens.any()), bool(part.vector.any())) == (not silent, not silent)


def test_an_empty_negative_is_encoded_for_sd1() -> None:
    assert tokens("", negative=True)[0].any()


@pytest.mark.parametrize(
    ("base", "count", "layers", "asked", "taken"),
    [
        ("sd1", 1, "own", -3, (-3,)),
        ("sd1", 1, "own", None, (-1,)),
        ("sd2", 1, "own", -1, (-2,)),
        ("sdxl", 2, "own", -3, (-2, -2)),
        ("sdxl", 2, "deepest", -1, (-2, -2)),
        ("sdxl", 2, "deepest", -3, (-3, -3)),
        ("sdxl", 2, "first", -1, (-1, -2)),
        ("sdxl", 2, "asked", -1, (-1, -1)),
        ("sdxl", 2, "asked", None, (-2, -2)),
        ("sdxl", 1, "own", -1, (-2,)),
    ],
)
def test_which_hidden_state_counts(base: str, count: int, layers: str, asked: int | None, taken: tuple[int]) -> None:
    assert find_base(base, count).layers(replace(A1111, layers=layers), asked) == taken


def test_where_any_layer_can_be_asked_for_the_last_means_the_models_own() -> None:
    assert torch.equal(
        tokens("a", base="sdxl", manner=COMFYUI)[0], tokens("a", base="sdxl", layer=-2, manner=COMFYUI)[0]
    )


@pytest.mark.parametrize("layer", [-5, -12])
def test_layers_beyond_the_first_are_the_embedding_itself(layer: int) -> None:
    done = encode(op("a cat", layer=layer), stack("sd1"), A1111)
    model = encoder("l")
    with torch.no_grad():
        wanted = model.final_layer_norm(model.embeddings(torch.tensor([done.rows[0][0].tokens])))
    assert torch.equal(done.entries[0].conditioning.tokens, wanted)


def test_a_model_that_was_stored_without_its_last_layer_is_known_by_its_size() -> None:
    config = CLIPTextConfig(hidden_size=1024, num_hidden_layers=23, num_attention_heads=16, intermediate_size=8)
    with torch.device("meta"):
        model = CLIPTextModel(config)
    assert text_stack("sd2", [model]).encoders[0].left_out == 1
    assert stack("sd2").encoders[0].left_out == 0


def test_of_such_a_model_the_last_layer_is_the_penultimate() -> None:
    settings = {"normed": True, "vectors": {}}
    shortened = Encoder("h", encoder("g"), 0, left_out=1)
    assert torch.equal(
        shortened.encode([EMPTY_ROW], -2, **settings).hidden,
        stack("sd2").encoders[0].encode([EMPTY_ROW], -1, **settings).hidden,
    )


def test_the_words_that_were_used_are_named() -> None:
    done = encode(op("a myemb, myemb"), stack("sd1"), A1111, words=[learned()])
    assert done.words == ("myemb",)


def test_fewer_tokens_move_behind_a_comma_when_that_is_asked_for() -> None:
    text = "cat " * 60 + ", " + "dog " * 30
    ends = [encode(op(text), stack("sd1"), A1111, backtrack=most).rows[0][0].end for most in (0, 20)]
    assert ends == [76, 62]


@pytest.mark.parametrize("weight", [float("inf"), float("nan")])
def test_weights_beyond_all_numbers_are_refused(weight: float) -> None:
    wanted = op_of([("a (cat:1e38)", (Run(text="a"), Run(text="cat", weight=weight)))], emphasis="original")
    with pytest.raises(RunError, match="PC505 the weights of `a \\(cat:1e38\\)` lead to numbers that are not finite"):
        encode(wanted, stack("sd1"), A1111)


@pytest.mark.parametrize(("base", "names"), [("sd1", "lg"), ("sdxl", "lgg"), ("chroma", "l"), ("sd2", "")])
def test_other_encoders_do_not_make_a_model_of_a_base(base: str, names: str) -> None:
    with pytest.raises(RunError, match="PC506"):
        text_stack(base, [encoder(name) for name in names])


def test_one_encoder_alone_is_the_refiners() -> None:
    assert [item.name for item in text_stack("sdxl", [encoder("g")]).encoders] == ["g"]


def test_an_unknown_dialect_has_the_usual_manner() -> None:
    assert find_manner("of-nobody") == find_manner("a1111")


def test_sizes_stand_behind_the_pooled_text() -> None:
    part = encode(op("a"), stack("sdxl"), A1111).entries[0].conditioning
    whole = sized(part, Size(512, 768)).vector
    assert whole.shape == (1, 24 + 6 * 256)
    assert torch.equal(whole[:, :24], part.vector)


def test_a_conditioning_without_a_vector_knows_no_sizes() -> None:
    part = Conditioning(torch.zeros(1, 77, 16))
    assert sized(part, Size(512, 512)) is part


def test_sizes_are_height_before_width() -> None:
    ids = time_ids(Size(512, 768), crop=(1, 2), target=Size(1000, 900))
    assert ids.tolist() == [[768.0, 512.0, 1.0, 2.0, 900.0, 1000.0]]
    assert time_ids(Size(512, 768), aesthetic=6.0).tolist() == [[768.0, 512.0, 0.0, 0.0, 6.0]]
