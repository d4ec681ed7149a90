"""Networks laid over a checkpoint and taken off again."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
from torch import Tensor, nn

from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.models.checkpoint import Checkpoint, load_checkpoint
from paramc.runtime.models.networks import Applied, Network, Networks, load_network
from tests.unit.runtime_models.tiny import filled, save, sdxl_shapes

pytestmark = pytest.mark.sdk

QUERY = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
CONV = "down_blocks.0.resnets.0.conv1"
OUT = "mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0"
TEXT = "encoder.layers.0.mlp.fc1"


def some(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def pair(name: str, outputs: int, inputs: int, seed: int = 0) -> dict[str, Tensor]:
    """A LoRA of rank 2 for one module, alpha 1."""
    return {
        f"{name}.lora_up.weight": some(outputs, 2, seed=seed),
        f"{name}.lora_down.weight": some(2, inputs, seed=seed + 1),
        f"{name}.alpha": torch.tensor(1.0),
    }


def flat(prefix: str, module: str) -> str:
    return prefix + module.replace(".", "_")


def both() -> dict[str, Tensor]:
    """A network for one module of the UNet and one of the text encoder."""
    return pair(flat("lora_unet_", QUERY), 64, 64) | pair("lora_te_text_model_encoder_layers_0_mlp_fc1", 128, 64)


def network(folder: Path, tensors: dict[str, Tensor]) -> Network:
    return load_network(save(folder / "net.safetensors", tensors))


def state(checkpoint: Checkpoint) -> dict[str, Tensor]:
    models: tuple[nn.Module, ...] = (checkpoint.unet, *checkpoint.text_encoders)
    return {f"{n}.{name}": w.clone() for n, model in enumerate(models) for name, w in model.state_dict().items()}


def changed(checkpoint: Checkpoint, before: dict[str, Tensor]) -> set[str]:
    return {name for name, weight in state(checkpoint).items() if not torch.equal(weight, before[name])}


def test_strengths_of_unet_and_text_encoder_are_apart(sd1: Checkpoint, tmp_path: Path) -> None:
    tensors, before = both(), state(sd1)
    assert Networks(sd1).apply([Applied(network(tmp_path, tensors), 0.8, 0.3)]) == ()
    after = state(sd1)
    for key, name, strength in (
        (f"0.{QUERY}.weight", flat("lora_unet_", QUERY), 0.8),
        (f"1.{TEXT}.weight", "lora_te_text_model_encoder_layers_0_mlp_fc1", 0.3),
    ):
        product = tensors[f"{name}.lora_up.weight"].double() @ tensors[f"{name}.lora_down.weight"].double()
        assert (after[key].double() - before[key].double() - strength * product / 2).abs().max() <= 1e-6
    assert changed(sd1, before) == {f"0.{QUERY}.weight", f"1.{TEXT}.weight"}


def test_taking_them_off_restores_every_bit(sd1: Checkpoint, tmp_path: Path) -> None:
    before = state(sd1)
    networks = Networks(sd1)
    networks.apply([Applied(network(tmp_path, both()), 1.7, -0.4)])
    networks.remove()
    assert changed(sd1, before) == set()


def test_strength_zero_changes_no_bit(sd1: Checkpoint, tmp_path: Path) -> None:
    before = state(sd1)
    Networks(sd1).apply([Applied(network(tmp_path, both()), 0.0, 0.0)])
    assert changed(sd1, before) == set()


def test_other_strengths_start_from_the_weights_of_the_file(sd1: Checkpoint, tmp_path: Path) -> None:
    net = network(tmp_path, both())
    networks = Networks(sd1)
    networks.apply([Applied(net, 0.5, 0.5)])
    expected = state(sd1)
    networks.apply([Applied(net, 2.0, 0.0)])
    networks.apply([Applied(net, 0.5, 0.5)])
    assert changed(sd1, expected) == set()


def test_a_module_that_no_network_wants_any_more_is_restored(sd1: Checkpoint, tmp_path: Path) -> None:
    before = state(sd1)
    other = load_network(save(tmp_path / "other.safetensors", pair(flat("lora_unet_", OUT), 64, 64)))
    networks = Networks(sd1)
    networks.apply([Applied(network(tmp_path, both()), 1.0, 1.0)])
    networks.apply([Applied(other, 1.0, 1.0)])
    assert changed(sd1, before) == {f"0.{OUT}.weight"}
    networks.remove()
    assert changed(sd1, before) == set()


def test_two_networks_add_up(sd1: Checkpoint, tmp_path: Path) -> None:
    before = state(sd1)
    name = flat("lora_unet_", QUERY)
    first, second = pair(name, 64, 64), pair(name, 64, 64, seed=9)
    nets = [load_network(save(tmp_path / f"{n}.safetensors", item)) for n, item in enumerate((first, second))]
    Networks(sd1).apply([Applied(nets[0], 0.5, 0.5), Applied(nets[1], -1.0, 0.5)])
    products = [
        item[f"{name}.lora_up.weight"].double() @ item[f"{name}.lora_down.weight"].double() for item in (first, second)
    ]
    expected = before[f"0.{QUERY}.weight"].double() + 0.25 * products[0] - 0.5 * products[1]
    assert (state(sd1)[f"0.{QUERY}.weight"].double() - expected).abs().max() <= 1e-6


@pytest.mark.parametrize(
    "name",
    [
        "lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q",
        "lycoris_mid_block_attentions_0_transformer_blocks_0_attn1_to_q",
        f"unet.{QUERY}",
        "diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_q",
        f"base_model.model.{QUERY}",
        f"base_model.model.unet.{QUERY}",
        QUERY,
        "middle_block.1.transformer_blocks.0.attn1.to_q",
    ],
)
def test_every_naming_reaches_the_same_module(sd1: Checkpoint, tmp_path: Path, name: str) -> None:
    before = state(sd1)
    assert Networks(sd1).apply([Applied(network(tmp_path, pair(name, 64, 64)), 1.0, 1.0)]) == ()
    assert changed(sd1, before) == {f"0.{QUERY}.weight"}


def test_resnets_are_reached_by_their_original_names(sd1: Checkpoint, tmp_path: Path) -> None:
    before = state(sd1)
    name = "lora_unet_input_blocks_1_0_in_layers_2"
    tensors = {f"{name}.lora_up.weight": some(32, 2, 1, 1), f"{name}.lora_down.weight": some(2, 32, 3, 3)}
    assert Networks(sd1).apply([Applied(network(tmp_path, tensors), 1.0, 1.0)]) == ()
    assert changed(sd1, before) == {f"0.{CONV}.weight"}


def test_old_names_of_attention_processors_are_known(sd1: Checkpoint, tmp_path: Path) -> None:
    before = state(sd1)
    name = f"unet.{OUT.removesuffix('.to_out.0')}.processor.to_out_lora"
    tensors = {f"{name}.up.weight": some(64, 2), f"{name}.down.weight": some(2, 64)}
    assert Networks(sd1).apply([Applied(network(tmp_path, tensors), 1.0, 1.0)]) == ()
    assert changed(sd1, before) == {f"0.{OUT}.weight"}


def test_names_of_peft_are_known(sd1: Checkpoint, tmp_path: Path) -> None:
    before = state(sd1)
    name = f"text_encoder.text_model.{TEXT}"
    tensors = {f"{name}.lora_A.weight": some(2, 64), f"{name}.lora_B.weight": some(128, 2)}
    assert Networks(sd1).apply([Applied(network(tmp_path, tensors), 1.0, 1.0)]) == ()
    assert changed(sd1, before) == {f"1.{TEXT}.weight"}


def test_norms_and_biases_are_changed(sd1: Checkpoint, tmp_path: Path) -> None:
    before = state(sd1)
    name = "lora_unet_down_blocks_0_resnets_0_norm1"
    tensors = {f"{name}.w_norm": some(32), f"{name}.b_norm": some(32, seed=1)}
    Networks(sd1).apply([Applied(network(tmp_path, tensors), 0.5, 1.0)])
    after = state(sd1)
    for leaf, part in (("weight", "w_norm"), ("bias", "b_norm")):
        key = f"0.down_blocks.0.resnets.0.norm1.{leaf}"
        assert torch.allclose(after[key], before[key] + 0.5 * tensors[f"{name}.{part}"], atol=1e-6)


def test_both_encoders_of_sdxl_are_reached(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(save(tmp_path / "xl.safetensors", filled(sdxl_shapes())))
    before = state(checkpoint)
    tensors = pair("lora_te1_text_model_encoder_layers_1_mlp_fc2", 64, 128) | pair(
        "lora_te2_text_model_encoder_layers_0_self_attn_k_proj", 128, 128
    )
    assert Networks(checkpoint).apply([Applied(network(tmp_path, tensors), 1.0, 1.0)]) == ()
    assert changed(checkpoint, before) == {
        "1.encoder.layers.1.mlp.fc2.weight",
        "2.text_model.encoder.layers.0.self_attn.k_proj.weight",
    }


def test_half_precision_is_rounded_once(sd1_file: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(sd1_file, dtype=torch.float16)
    tensors, before = both(), state(checkpoint)
    networks = Networks(checkpoint)
    networks.apply([Applied(network(tmp_path, tensors), 0.8, 0.3)])
    name = flat("lora_unet_", QUERY)
    product = tensors[f"{name}.lora_up.weight"] @ tensors[f"{name}.lora_down.weight"] * 0.5 * 0.8
    key = f"0.{QUERY}.weight"
    assert torch.equal(state(checkpoint)[key], (before[key].float() + product).half())
    networks.remove()
    assert changed(checkpoint, before) == set()


def test_parts_without_a_place_are_named(sd1: Checkpoint, tmp_path: Path) -> None:
    tensors = both() | pair("lora_unet_no_such_layer", 8, 8) | pair("lora_unet_nor_such_one", 8, 8)
    (said,) = Networks(sd1).apply([Applied(network(tmp_path, tensors), 1.0, 1.0)])
    assert said.code == "PC531"
    assert "have no place in this model: 2," in said.message
    assert "no_such_layer" in said.message


def turned(blocks: Tensor) -> Tensor:
    """The Cayley transform of one skew block."""
    skew, one = blocks - blocks.T, torch.eye(len(blocks), dtype=blocks.dtype)
    return (one + skew) @ torch.inverse(one - skew)


def through_core(core: Tensor, outward: Tensor, inward: Tensor) -> Tensor:
    """A kernel in the form of Tucker; both factors have the rank in front."""
    return torch.einsum("rshw,ro,si->oihw", core, outward, inward)


Formula = Callable[[Tensor, dict[str, Tensor]], Tensor]
SMALL = 0.1
KINDS: dict[str, tuple[dict[str, Tensor], Formula]] = {
    "lora": (
        {"lora_up.weight": some(64, 4), "lora_down.weight": some(4, 64), "alpha": torch.tensor(2.0)},
        lambda w, t: w + t["lora_up.weight"] @ t["lora_down.weight"] * 2 / 4,
    ),
    "lora of peft": (
        {"lora_A.weight": some(4, 64), "lora_B.weight": some(64, 4)},
        lambda w, t: w + t["lora_B.weight"] @ t["lora_A.weight"],
    ),
    "lora of diffusers": (
        {"lora.up.weight": some(64, 4), "lora.down.weight": some(4, 64)},
        lambda w, t: w + t["lora.up.weight"] @ t["lora.down.weight"],
    ),
    "dora of peft": (
        {"lora_A.weight": some(2, 64), "lora_B.weight": some(64, 2), "lora_magnitude_vector": some(64).abs() + 1},
        lambda w, t: (
            (m := w + t["lora_B.weight"] @ t["lora_A.weight"])
            * t["lora_magnitude_vector"][:, None]
            / m.norm(dim=1, keepdim=True)
        ),
    ),
    "loha": (
        {
            f"hada_w{n}_{side}": some(*shape, seed=n) * SMALL
            for n in (1, 2)
            for side, shape in (("a", (64, 2)), ("b", (2, 64)))
        },
        lambda w, t: w + (t["hada_w1_a"] @ t["hada_w1_b"]) * (t["hada_w2_a"] @ t["hada_w2_b"]),
    ),
    "lokr": (
        {"lokr_w1": some(4, 8) * SMALL, "lokr_w2_a": some(16, 2), "lokr_w2_b": some(2, 8), "alpha": torch.tensor(1.0)},
        lambda w, t: w + torch.kron(t["lokr_w1"], t["lokr_w2_a"] @ t["lokr_w2_b"]) / 2,
    ),
    "lokr of whole factors": (
        {"lokr_w1": some(4, 8) * SMALL, "lokr_w2": some(16, 8), "alpha": torch.tensor(0.5)},
        lambda w, t: w + torch.kron(t["lokr_w1"], t["lokr_w2"]),
    ),
    "lokr of products": (
        {
            f"lokr_w{n}_{side}": some(*shape, seed=n) * SMALL
            for n, rows, columns in ((1, 4, 8), (2, 16, 8))
            for side, shape in (("a", (rows, 2)), ("b", (2, columns)))
        },
        lambda w, t: w + torch.kron(t["lokr_w1_a"] @ t["lokr_w1_b"], t["lokr_w2_a"] @ t["lokr_w2_b"]),
    ),
    "lokr of a product and a whole": (
        {"lokr_w1_a": some(4, 2), "lokr_w1_b": some(2, 8), "lokr_w2": some(16, 8), "alpha": torch.tensor(1.0)},
        lambda w, t: w + torch.kron(t["lokr_w1_a"] @ t["lokr_w1_b"], t["lokr_w2"]) / 2,
    ),
    "lokr with learned lengths": (
        {"lokr_w1": some(4, 8) * SMALL, "lokr_w2": some(16, 8), "dora_scale": some(1, 64).abs() + 1},
        lambda w, t: (m := w + torch.kron(t["lokr_w1"], t["lokr_w2"])) * t["dora_scale"] / m.norm(dim=0, keepdim=True),
    ),
    "ia3": (
        {"weight": some(64), "on_input": torch.tensor(True)},
        lambda w, t: w + w * t["weight"][None, :],
    ),
    "ia3 of outputs": (
        {"weight": some(64), "on_input": torch.tensor(False)},
        lambda w, t: w + w * t["weight"][:, None],
    ),
    "full": ({"diff": some(64, 64)}, lambda w, t: w + t["diff"]),
    "dora": (
        {"lora_up.weight": some(64, 2), "lora_down.weight": some(2, 64), "dora_scale": some(1, 64).abs() + 1},
        lambda w, t: (
            (m := w + t["lora_up.weight"] @ t["lora_down.weight"]) * t["dora_scale"] / m.norm(dim=0, keepdim=True)
        ),
    ),
    "oft": (
        {"oft_blocks": some(2, 32, 32) * SMALL, "rescale": some(64, 1).abs()},
        lambda w, t: t["rescale"] * torch.cat([turned(t["oft_blocks"][n]).T @ w[32 * n : 32 * n + 32] for n in (0, 1)]),
    ),
    "older oft": (
        {"oft_diag": some(2, 32, 32) * SMALL},
        lambda w, t: torch.cat([t["oft_diag"][n].T @ w[32 * n : 32 * n + 32] for n in (0, 1)]),
    ),
    "boft": (
        {"oft_blocks": some(1, 1, 64, 64) * SMALL},
        lambda w, t: (turned(t["oft_blocks"][0, 0]) @ w[(order := torch.arange(64).reshape(2, 32).T.flatten())])[
            order.argsort()
        ],
    ),
    "glora": (
        {
            f"{name}.weight": some(*shape) * SMALL
            for name, shape in (("a1", (2, 64)), ("a2", (64, 2)), ("b1", (2, 64)), ("b2", (64, 2)))
        },
        lambda w, t: w + t["b2.weight"] @ t["b1.weight"] + w @ t["a2.weight"] @ t["a1.weight"],
    ),
}


CONV_KINDS: dict[str, tuple[dict[str, Tensor], Formula]] = {
    "lora of a convolution": (
        {"lora_up.weight": some(32, 4, 1, 1), "lora_down.weight": some(4, 32, 3, 3), "alpha": torch.tensor(2.0)},
        lambda w, t: w + torch.einsum("or,rihw->oihw", t["lora_up.weight"][..., 0, 0], t["lora_down.weight"]) / 2,
    ),
    "lora with a core": (
        {
            "lora_up.weight": some(32, 4, 1, 1), "lora_mid.weight": some(4, 4, 3, 3) * SMALL,
            "lora_down.weight": some(4, 32, 1, 1), "alpha": torch.tensor(2.0),
        },
        lambda w, t: w + through_core(
            t["lora_mid.weight"], t["lora_up.weight"][..., 0, 0].T, t["lora_down.weight"][..., 0, 0]
        ) / 2,
    ),
    "loha with cores": (
        {
            f"hada_{name}{n}{side}": some(*shape, seed=n) * SMALL * 5
            for n in (1, 2)
            for name, side, shape in (("t", "", (4, 4, 3, 3)), ("w", "_a", (4, 32)), ("w", "_b", (4, 32)))
        },
        lambda w, t: (
            w
            + through_core(t["hada_t1"], t["hada_w1_a"], t["hada_w1_b"])
            * through_core(t["hada_t2"], t["hada_w2_a"], t["hada_w2_b"])
        ),
    ),
    "lokr with a core": (
        {
            "lokr_w1": some(4, 4) * SMALL, "lokr_t2": some(2, 2, 3, 3), "lokr_w2_a": some(2, 8),
            "lokr_w2_b": some(2, 8, seed=1),
        },
        lambda w, t: w
        + torch.einsum(
            "ab,cdhw->acbdhw", t["lokr_w1"], through_core(t["lokr_t2"], t["lokr_w2_a"], t["lokr_w2_b"])
        ).reshape(w.shape),
    ),
    "full of a convolution": ({"diff": some(32, 32, 3, 3)}, lambda w, t: w + t["diff"]),
    "oft of a convolution": (
        {"oft_blocks": some(2, 16, 16) * SMALL},
        lambda w, t: torch.cat(
            [torch.einsum("nm,nihw->mihw", turned(t["oft_blocks"][n]), w[16 * n : 16 * n + 16]) for n in (0, 1)]
        ),
    ),
}  # fmt: skip
PLACED = {kind: (QUERY, *row) for kind, row in KINDS.items()} | {kind: (CONV, *row) for kind, row in CONV_KINDS.items()}


@pytest.mark.parametrize("kind", PLACED)
def test_a_file_of_each_kind_gives_the_weights_of_its_formula(sd1: Checkpoint, tmp_path: Path, kind: str) -> None:
    module, parts, formula = PLACED[kind]
    key, before = f"0.{module}.weight", state(sd1)
    file = network(tmp_path, {f"{flat('lora_unet_', module)}.{name}": part for name, part in parts.items()})
    assert Networks(sd1).apply([Applied(file, 0.5, 1.0)]) == ()
    weight = before[key].double()
    expected = weight + 0.5 * (formula(weight, {name: part.double() for name, part in parts.items()}) - weight)
    assert (state(sd1)[key].double() - expected).abs().max() <= 1e-6 * max(1.0, float(expected.abs().max()))
    assert changed(sd1, before) == {key}


@pytest.mark.parametrize("kind", PLACED)
def test_strength_zero_changes_no_bit_whatever_the_kind(sd1: Checkpoint, tmp_path: Path, kind: str) -> None:
    before = state(sd1)
    module, parts, _ = PLACED[kind]
    tensors = {f"{flat('lora_unet_', module)}.{name}": part for name, part in parts.items()}
    Networks(sd1).apply([Applied(network(tmp_path, tensors), 0.0, 1.0)])
    assert changed(sd1, before) == set()


def weighed(folder: Path, checkpoint: Checkpoint, blocks: tuple[float, ...] | None) -> tuple[set[str], list[str]]:
    """What a network at these block weights changes of two blocks and the encoder, and the codes of what it says."""
    first = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"  # input block 1
    tensors = both() | pair(flat("lora_unet_", first), 32, 32)
    before = state(checkpoint)
    said = Networks(checkpoint).apply([Applied(network(folder, tensors), 1.0, 1.0, blocks=blocks)])
    places = {f"0.{first}.weight": "first", f"0.{QUERY}.weight": "middle", f"1.{TEXT}.weight": "text"}
    return {places[name] for name in changed(checkpoint, before)}, [item.code for item in said]


@pytest.mark.parametrize(
    ("blocks", "touched"),
    [
        ((1.0,) + (0.0,) * 16, {"text"}),
        ((0.0, 1.0) + (0.0,) * 15, {"first"}),
        ((0.0,) * 7 + (1.0,) + (0.0,) * 9, {"middle"}),
        ((0.0,) * 2 + (1.0,) + (0.0,) * 23, {"first"}),
        ((0.0,) * 13 + (1.0,) + (0.0,) * 12, {"middle"}),
    ],
)
def test_blocks_are_weighed_by_their_place(
    sd1: Checkpoint, tmp_path: Path, blocks: tuple[float, ...], touched: set[str]
) -> None:
    assert weighed(tmp_path, sd1, blocks) == (touched, [])


@pytest.mark.parametrize("blocks", [(1.0, 0.0), None])
def test_weights_for_no_known_blocks_are_named_and_left_out(
    sd1: Checkpoint, tmp_path: Path, blocks: tuple[float, ...] | None
) -> None:
    assert weighed(tmp_path, sd1, blocks) == ({"first", "middle", "text"}, ["PC590"])


def test_the_weight_of_a_block_multiplies_the_strength(sd1: Checkpoint, tmp_path: Path) -> None:
    before, tensors = state(sd1), pair(flat("lora_unet_", QUERY), 64, 64)
    Networks(sd1).apply([Applied(network(tmp_path, tensors), 0.5, 1.0, blocks=(1.0,) * 7 + (0.3,) + (1.0,) * 9)])
    name = flat("lora_unet_", QUERY)
    product = tensors[f"{name}.lora_up.weight"].double() @ tensors[f"{name}.lora_down.weight"].double() / 2
    after = state(sd1)[f"0.{QUERY}.weight"].double()
    assert (after - before[f"0.{QUERY}.weight"].double() - 0.15 * product).abs().max() <= 1e-6


def test_a_weight_under_two_names_is_changed_once_and_said(sd1: Checkpoint, tmp_path: Path) -> None:
    before, name = state(sd1), flat("lora_unet_", QUERY)
    once, twice = (tmp_path / f"{times}.safetensors" for times in ("once", "twice"))
    save(once, pair(name, 64, 64))
    save(twice, pair(name, 64, 64) | pair("lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q", 64, 64, seed=3))
    networks = Networks(sd1)
    assert networks.apply([Applied(load_network(once), 1.0, 1.0)]) == ()
    expected = state(sd1)
    (said,) = networks.apply([Applied(load_network(twice), 1.0, 1.0)])
    assert (said.code, changed(sd1, expected)) == ("PC586", set())
    assert changed(sd1, before) == {f"0.{QUERY}.weight"}


def test_a_tensor_said_twice_is_named(sd1: Checkpoint, tmp_path: Path) -> None:
    name = flat("lora_unet_", QUERY)
    tensors = pair(name, 64, 64) | {f"{name}.lora_B.weight": some(64, 2, seed=7)}
    (said,) = Networks(sd1).apply([Applied(network(tmp_path, tensors), 1.0, 1.0)])
    assert said.code == "PC586"


def test_a_module_of_another_size_is_named(sd1: Checkpoint, tmp_path: Path) -> None:
    tensors = both() | pair(flat("lora_unet_", OUT), 64, 32)
    (said,) = Networks(sd1).apply([Applied(network(tmp_path, tensors), 1.0, 1.0)])
    assert "to_out_0" in said.message


@pytest.mark.parametrize(
    ("name", "inputs", "family"),
    [
        ("lora_te2_text_model_encoder_layers_0_mlp_fc1", 1280, "Stable Diffusion XL"),
        ("lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k", 1024, "Stable Diffusion 2"),
        ("lora_unet_double_blocks_0_img_attn_proj", 3072, "FLUX.1"),
        ("base_model.model.single_transformer_blocks.0.attn.to_k", 3072, "FLUX.1"),
        ("lora_unet_something_else_entirely", 8, "another family"),
    ],
)
def test_a_network_of_another_family_is_refused_by_name(
    sd1: Checkpoint, tmp_path: Path, name: str, inputs: int, family: str
) -> None:
    before = state(sd1)
    networks = Networks(sd1)
    with pytest.raises(ModelError) as caught:
        networks.apply([Applied(network(tmp_path, pair(name, 64, inputs)), 1.0, 1.0)])
    assert caught.value.diagnostics[0].code == "PC530"
    assert f"made for {family}" in caught.value.diagnostics[0].message
    assert changed(sd1, before) == set()


def test_a_file_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        network(tmp_path, {"emb_params": some(2, 2)})
    assert caught.value.diagnostics[0].code == "PC525"


def test_an_interrupted_change_is_not_taken_for_done(
    sd1: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(sd1)
    networks = Networks(sd1)

    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("paramc.runtime.models.networks.bias_delta", stop)
        networks.apply([Applied(network(tmp_path, both()), 1.0, 1.0)])
    networks.apply([])
    assert changed(sd1, before) == set()
