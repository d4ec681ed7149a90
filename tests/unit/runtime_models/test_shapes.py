"""Configurations of files that no program has written."""

from paramc.runtime.models.architectures import architecture_of, configuration
from paramc.runtime.models.bases import decoders
from paramc.runtime.models.shapes import Shapes, decoder_config


def test_the_places_of_a_model_are_not_as_many_as_a_tensor_without_width_says() -> None:
    shapes = {"blocks.0.mlp.fc1.weight": (4, 4), "x_embedder.proj.weight": (1152, 4, 2, 2), "pos_embed": (1, 10**12, 1)}
    row, _ = architecture_of("pixart", shapes)
    assert configuration(row, Shapes(shapes))["sample_size"] == 1024


def test_a_language_model_without_the_norm_that_tells_its_heads_still_has_some() -> None:
    shapes = Shapes({"layers.0.self_attn.q_proj.weight": (256, 64), "layers.0.self_attn.k_proj.weight": (128, 64)})
    found = decoder_config(shapes, decoders()["qwen3"])
    assert (found["num_attention_heads"], found["num_key_value_heads"]) == (4, 2)
