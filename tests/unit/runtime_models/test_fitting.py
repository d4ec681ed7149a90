"""Files whose tensors have the names of a kind, and shapes that no model of it has."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import torch

from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.control.depth import load_depth
from paramc.runtime.control.image_encoder import load_image_encoder
from paramc.runtime.control.nets import load_net
from paramc.runtime.models.fitting import fitting
from paramc.runtime.models.vae import load_vae
from tests.unit.runtime_models.tiny import save

pytestmark = pytest.mark.sdk

Shape = tuple[int, ...]
VISION = "vision_model.embeddings."
FLUX = "ip_adapter_proj_model.proj.weight"
SD3 = {"ip_adapter.0.norm_ip.linear.weight": (4, 4)}


@pytest.mark.parametrize(
    ("load", "shapes"),
    [
        (load_depth, {"pretrained.cls_token": (1, 1, 64)}),
        (load_depth, {"pretrained.cls_token": ()}),
        (load_image_encoder, {"visual_projection.weight": (4, 4)}),
        (load_image_encoder, {"vision_model.head.probe": (1, 1, 4)}),
        (load_image_encoder, {"visual_projection.weight": (4, 4), f"{VISION}position_embedding.weight": (5, 100)}),
        (partial(load_vae, base="sana"), {"encoder.down_blocks.0.0.norm.weight": (4,)}),
        (partial(load_vae, base="sana"), {f"encoder.down_blocks.{block}.0.norm.weight": (4,) for block in (5, 900)}),
        (partial(load_vae, base="sana"), {f"encoder.down_blocks.{'9' * 5000}.0.norm.weight": (4,)}),
        (partial(load_net, base="flux"), {FLUX: (8, 4)}),
        (partial(load_net, base="flux"), {FLUX: ()}),
        (partial(load_net, base="sd3"), {**SD3, "image_proj.proj_in.weight": (4, 4)}),
        (partial(load_net, base="sd3"), {**SD3, "image_proj.proj_in.weight": (4,)}),
    ],
)
def test_parts_that_do_not_go_together_are_refused(
    tmp_path: Path, load: Callable[..., object], shapes: dict[str, Shape]
) -> None:
    path = save(tmp_path / "odd.safetensors", {name: torch.zeros(shape) for name, shape in shapes.items()})
    with pytest.raises(ModelError) as caught:
        load(path, dtype=torch.float32, device="cpu")
    assert caught.value.diagnostics[0].code == "PC521"


def test_an_exhausted_memory_is_no_fault_of_the_file() -> None:
    with pytest.raises(torch.OutOfMemoryError), fitting(Path("model.safetensors")):
        raise torch.OutOfMemoryError
