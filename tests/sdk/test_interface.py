"""The extract of the library's signatures against the library, and against a record of it."""

import gzip
import inspect
import json
from pathlib import Path

import pytest

from paramc.backends.callcheck import read_interface
from paramc.backends.pipelines import read_pipelines
from paramc.resources import TARGETS

GOLDEN = Path(__file__).parents[1] / "golden" / "diffusers" / "pipelines.json.gz"
FOLDER = TARGETS / "diffusers"
INTERFACE = read_interface(FOLDER / "interface.toml")
LOADING = {
    "dtype",
    "local_files_only",
    "config",
    "subfolder",
    "quantization_config",
}  # what every loader takes beside the parts of a model
PIPELINES = json.loads(gzip.decompress(GOLDEN.read_bytes()))["pipelines"]


@pytest.mark.parametrize("name", PIPELINES)
def test_calls_of_pipelines_are_as_recorded(name: str) -> None:
    assert INTERFACE.calls[name]["__call__"] <= set(PIPELINES[name]["call"])


@pytest.mark.parametrize("name", PIPELINES)
def test_pipelines_are_loaded_with_parts_that_they_have(name: str) -> None:
    loaders = [
        INTERFACE.calls[name].get(loader, frozenset()) for loader in ("from_pretrained", "from_single_file", "()")
    ]
    assert frozenset.union(*loaders) - LOADING <= set(PIPELINES[name]["init"])


def test_every_pipeline_of_the_target_is_recorded() -> None:
    table = read_pipelines(FOLDER / "pipelines.toml")
    used = {
        str(row["pipeline"]) for tasks in table.pipelines.values() for row in tasks.values() if isinstance(row, dict)
    }
    assert used == set(PIPELINES)


@pytest.mark.sdk
@pytest.mark.parametrize("name", INTERFACE.calls)
def test_keywords_are_those_of_the_installed_library(name: str) -> None:
    library = pytest.importorskip("diffusers")
    if name.startswith("Kolors"):
        pytest.importorskip("sentencepiece")  # without which the library has no such class
    owner = getattr(library, name)
    for method, keywords in INTERFACE.calls[name].items():
        if method in ("tokenizer", "text_encoder", "unet", "transformer"):
            assert method in inspect.signature(owner.__init__).parameters
        elif method.startswith("from_"):
            assert callable(getattr(owner, method))
            assert keywords - LOADING <= set(inspect.signature(owner.__init__).parameters)
        else:
            called = {"()": "__init__"}.get(method, method)
            parameters = inspect.signature(getattr(owner, called)).parameters
            assert keywords <= set(parameters) or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


@pytest.mark.sdk
@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("StableDiffusionXLPipeline", "UNet2DConditionModel"),
        ("FluxPipeline", "FluxTransformer2DModel"),
        ("StableDiffusion3Pipeline", "SD3Transformer2DModel"),
    ],
)
def test_the_network_is_called_by_keywords_that_it_has(name: str, network: str) -> None:
    forward = getattr(pytest.importorskip("diffusers"), network).forward
    called = [keywords for part, keywords in INTERFACE.calls[name].items() if part in ("unet", "transformer")]
    assert called
    assert frozenset.union(*called) <= set(inspect.signature(forward).parameters)
