"""Networks as peft itself saves them, against the weights that peft itself makes of them."""

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("peft")

import torch
from peft import (
    IA3Config,
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    OFTConfig,
    PeftConfig,
    get_peft_model,
    get_peft_model_state_dict,
)
from torch import Tensor, nn

from paramc.runtime.models.deltas import bias_delta, weight_delta
from paramc.runtime.models.network import Target, load_network
from tests.unit.runtime_models.tiny import save

pytestmark = pytest.mark.sdk

MODULES = ["to_q", "conv"]


class Layers(nn.Module):
    """A linear layer and a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.to_q = nn.Linear(8, 12)
        self.conv = nn.Conv2d(4, 12, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x


CONFIGS: dict[str, PeftConfig] = {
    "lora": LoraConfig(r=2, lora_alpha=2, target_modules=MODULES),
    "lora with a bias": LoraConfig(r=2, lora_alpha=2, target_modules=MODULES, lora_bias=True),
    "dora": LoraConfig(r=2, lora_alpha=2, target_modules=MODULES, use_dora=True),
    "loha": LoHaConfig(r=2, alpha=2, target_modules=MODULES, module_dropout=0.0),
    "loha with cores": LoHaConfig(r=2, alpha=2, target_modules=MODULES, use_effective_conv2d=True),
    "lokr": LoKrConfig(r=2, alpha=2, target_modules=MODULES),
    "lokr of products": LoKrConfig(r=2, alpha=2, target_modules=MODULES, decompose_both=True),
    "lokr with a core": LoKrConfig(r=2, alpha=2, target_modules=MODULES, use_effective_conv2d=True),
    "ia3": IA3Config(target_modules=MODULES, feedforward_modules=[]),
    "ia3 of inputs": IA3Config(target_modules=MODULES, feedforward_modules=MODULES),
    "oft": OFTConfig(oft_block_size=4, target_modules=MODULES),
    "oft with one turn for all": OFTConfig(oft_block_size=4, target_modules=MODULES, block_share=True),
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # of peft, about the order of its own layers
@pytest.mark.parametrize("kind", CONFIGS)
def test_a_network_of_peft_gives_the_weights_that_peft_gives(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(5)
    plain = Layers()
    before = {name: weight.clone() for name, weight in plain.state_dict().items()}
    tuned = get_peft_model(plain, CONFIGS[kind])
    for name, weight in tuned.named_parameters():
        if weight.requires_grad:
            nn.init.normal_(weight, mean=1.0 if "magnitude" in name or "ia3" in name else 0.0, std=0.3)
    file = save(tmp_path / "adapter_model.safetensors", get_peft_model_state_dict(tuned))
    network = load_network(file)
    assert network.strange == ()
    expected = tuned.merge_and_unload().state_dict()
    for module in MODULES:
        parts = network.parts[Target(0, module)]
        for leaf, delta in (("weight", weight_delta), ("bias", bias_delta)):
            old = before[f"{module}.{leaf}"]
            found = delta(old, parts)
            new = old if found is None else old + found
            assert (new - expected[f"{module}.{leaf}"]).abs().max() <= 1e-6
