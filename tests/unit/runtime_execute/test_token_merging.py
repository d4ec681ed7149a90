"""Token merging against the published algorithm written out in loops (Bolya & Hoffman 2023), block by block."""

from functools import partial

import pytest

pytest.importorskip("torch")

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor

from paramc.runtime.execute.merging import match, merge_tokens

pytestmark = pytest.mark.sdk

SIZES = [(4, 4), (6, 8), (5, 7), (7, 4), (3, 3)]


def pairs(tokens: Tensor, height: int, width: int, ratio: float) -> tuple[list[int], dict[int, int]]:
    """The targets of one image, the first token of each whole square of two; and which sources go into which."""
    targets = [y * width + x for y in range(0, height - 1, 2) for x in range(0, width - 1, 2)]
    likest = []
    for source in range(height * width):
        if source not in targets:
            cosines = [torch.cosine_similarity(tokens[source], tokens[other], dim=0).item() for other in targets]
            best = max(range(len(targets)), key=cosines.__getitem__)
            likest.append((cosines[best], source, targets[best]))
    likest.sort(reverse=True)
    return targets, {source: target for _, source, target in likest[: int(height * width * ratio)]}


def attended(tokens: Tensor, found: list[tuple[list[int], dict[int, int]]], attend: torch.nn.Module) -> Tensor:
    """The attention over what is left of each image, spread over all of its tokens again."""
    images = []
    for image, (_, into) in zip(tokens, found, strict=True):
        left = [place for place in range(len(image)) if place not in into]
        met = {place: [image[place], *(image[s] for s, t in into.items() if t == place)] for place in left}
        rows = attend(torch.stack([torch.stack(met[place]).mean(0) for place in left])[None])[0]
        images.append(torch.stack([rows[left.index(into.get(place, place))] for place in range(len(image))]))
    return torch.stack(images)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_the_same_tokens_meet_in_the_same_places(height: int, width: int, ratio: float) -> None:
    tokens = torch.randn(2, height * width, 6, generator=torch.Generator().manual_seed(height * width))
    found = match(tokens, height, width, ratio)
    expected = attended(tokens, [pairs(image, height, width, ratio) for image in tokens], torch.nn.Identity())
    torch.testing.assert_close(found.unmerge(found.merge(tokens)), expected)


def unet(*, attends_at_once: bool) -> UNet2DConditionModel:
    """Attention at the latent's own resolution as in SD1, or only below it as in SDXL."""
    kinds = ["CrossAttn", ""] if attends_at_once else ["", "CrossAttn"]
    torch.manual_seed(0)
    return UNet2DConditionModel(
        block_out_channels=(8, 16),
        down_block_types=tuple(f"{kind}DownBlock2D" for kind in kinds),
        up_block_types=tuple(f"{kind}UpBlock2D" for kind in reversed(kinds)),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=2,
        cross_attention_dim=8,
    ).eval()


def painted(model: UNet2DConditionModel, height: int, width: int) -> Tensor:
    draw = torch.Generator().manual_seed(3)
    x, text = torch.randn(2, 4, height, width, generator=draw), torch.randn(2, 5, 8, generator=draw)
    with torch.inference_mode():
        return model(x, 500, encoder_hidden_states=text).sample


def by_hand(model: UNet2DConditionModel, height: int, width: int, ratio: float) -> Tensor:
    """The model with loops in the place of each self-attention on as many tokens as the latent has cells."""
    for block in [module for module in model.modules() if isinstance(module, BasicTransformerBlock)]:
        seen: list[Tensor] = []
        block.register_forward_pre_hook(lambda module, inputs, seen=seen: seen.append(inputs[0]))
        attend = block.attn1.forward

        def looped(states: Tensor, *, seen: list[Tensor], attend: partial[Tensor], **_: object) -> Tensor:
            if states.shape[1] != height * width:
                return attend(states)
            return attended(states, [pairs(image, height, width, ratio) for image in seen[-1]], attend)

        block.attn1.forward = partial(looped, seen=seen, attend=attend)
    return painted(model, height, width)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 6), (5, 9)])
def test_a_model_like_stable_diffusion_1_paints_as_the_loops_do(height: int, width: int) -> None:
    model = unet(attends_at_once=True)
    plain = painted(model, height, width)
    merge_tokens(model, 0.5)
    merged = painted(model, height, width)
    assert (merged - plain).abs().max() > 1e-4
    torch.testing.assert_close(merged, by_hand(unet(attends_at_once=True), height, width, 0.5))


@pytest.mark.parametrize(("height", "width"), [(1, 8), (8, 1), (1, 1)])
def test_a_latent_without_a_whole_square_stays_as_it_is(height: int, width: int) -> None:
    model = unet(attends_at_once=True)
    plain = painted(model, height, width)
    merge_tokens(model, 0.5)
    assert torch.equal(painted(model, height, width), plain)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 6)])
def test_a_model_like_sdxl_attends_below_the_latent_alone_and_stays_as_it_is(height: int, width: int) -> None:
    model = unet(attends_at_once=False)
    plain = painted(model, height, width)
    merge_tokens(model, 0.5)
    assert torch.equal(painted(model, height, width), plain)
