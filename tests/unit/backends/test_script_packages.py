"""What a script needs to be installed, and weights of fewer bits, which need most of it."""

import pytest

import paramc
from tests.unit.backends.scripts import FLUX, PLAIN, constants, script, with_family

USUAL = '# pip install "diffusers>=0.42,<0.43" "transformers>=5.6" torch accelerate pillow'
PACKED = FLUX.replace("flux1-dev", "flux1-dev-bnb-nf4-v2")
ALL = "gguf scipy peft torchsde ftfy bitsandbytes torchao xformers load_lora_weights GGUFQuantizationConfig"


def needed(source: str) -> str:
    return next(line for line in source.split("\n") if line.startswith("# pip install"))


def test_words_of_prompts_are_no_packages() -> None:
    assert needed(script(PLAIN.replace("a cat", ALL))) == USUAL


@pytest.mark.parametrize(
    ("text", "options", "more"),
    [
        (PLAIN.replace("a cat", "a <lora:x:1>"), {}, "peft"),
        (PLAIN.replace("Euler", "DPM++ SDE"), {}, "torchsde"),
        (PLAIN.replace("Automatic", "Beta"), {}, "scipy"),
        (PLAIN, {"attention": "xformers"}, "xformers"),
        (PLAIN, {"loader": "pretrained", "quantization": "bitsandbytes_4bit"}, "bitsandbytes"),
        (PLAIN, {"loader": "pretrained", "quantization": "torchao_int8"}, '"torchao>=0.15"'),
    ],
)
def test_what_is_called_decides_what_is_needed(text: str, options: dict[str, str], more: str) -> None:
    assert needed(script(text, options=tuple(options.items()))) == f"{USUAL} {more}"


def test_a_file_of_few_bits_needs_its_reader() -> None:
    made = script(FLUX, "flux-dev", "flux", (("model", "flux1-dev-Q4_K_S.gguf"),))
    assert needed(made) == f"{USUAL} gguf"
    assert "quantization = GGUFQuantizationConfig(compute_dtype=DTYPE)" in made


def test_four_bits_that_the_library_does_not_read_are_packed_anew_and_said() -> None:
    made = paramc.compile(with_family(PACKED, "flux-dev", "flux"), "diffusers")
    assert constants(made.text)["MODEL"] == "black-forest-labs/FLUX.1-dev"
    assert 'bnb_4bit_quant_type="nf4"' in made.text
    assert "from_single_file" not in made.text
    grades = {fate.grade for fate in made.report.fates if "asset.checkpoint" in fate.features}
    assert grades == {"approximate"}


def test_a_model_that_is_chosen_is_loaded_as_it_is() -> None:
    made = script(PACKED, "flux-dev", "flux", (("model", "mine.safetensors"),))
    assert constants(made)["MODEL"] == "mine.safetensors"
    assert "BitsAndBytesConfig" not in made
