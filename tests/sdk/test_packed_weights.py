"""The configurations of weights of fewer bits are made as scripts make them; the packages themselves are not needed."""

import ast

import pytest

import paramc
from tests.unit.backends.scripts import FLUX, with_family

pytestmark = pytest.mark.sdk


@pytest.mark.parametrize("loader", ["pretrained", "single_file"])
@pytest.mark.parametrize("bits", [4, 8])
def test_a_script_asks_for_as_many_bits(monkeypatch: pytest.MonkeyPatch, loader: str, bits: int) -> None:
    torch, library = pytest.importorskip("torch"), pytest.importorskip("diffusers")
    names = {name: getattr(library, name) for name in ("BitsAndBytesConfig", "PipelineQuantizationConfig")}
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.48.0")  # of a package that is not there
    options = {"loader": loader, "quantization": f"bitsandbytes_{bits}bit"}
    source = paramc.compile(with_family(FLUX, "flux-dev", "flux"), "diffusers", options=options).text
    made = next(
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "quantization"
    )
    config = eval(compile(ast.Expression(made), "script.py", "eval"), names | {"DTYPE": torch.bfloat16})  # noqa: S307  # what is tested
    part = config.quant_mapping["transformer"] if loader == "pretrained" else config
    assert (part.load_in_4bit, part.load_in_8bit) == (bits == 4, bits == 8)
    assert bits == 8 or (part.bnb_4bit_quant_type, part.bnb_4bit_compute_dtype) == ("nf4", torch.bfloat16)
