"""The cases of ComfyUI as graphs, read to Jobs, planned, and sampled by the runner's own Sample op on the toy networks."""

import json
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor, nn

import paramc
from paramc.runtime.denoise.prompts import Branch, Entry
from paramc.runtime.execute.sampling import sample
from paramc.runtime.execute.values import Guide, Latent
from tests.conformance.sampling.a1111 import Result
from tests.conformance.sampling.comfyui import LONG, Sampling, double_sigmas, lat
from tests.conformance.sampling.passes import Seen, embedded, guide_of, pass_of, sd1_of
from tests.conformance.sampling.recorded import Case, Nudge
from tests.golden.sampling import toy

SCALE = 0.18215
TEXTS = ("a red fox", "a blue house")  # of a conditioning of several
LATER = 10_000


class Network(nn.Module):
    """A toy network as the runner calls one."""

    dtype = torch.float32
    config: ClassVar = {"in_channels": 4}

    def __init__(self, case: Case) -> None:
        super().__init__()
        self._kind, self._model = case["kind"], case.get("model", "eps")

    def forward(self, x: Tensor, timesteps: Tensor, *, encoder_hidden_states: Tensor, **_: object) -> tuple[Tensor]:
        pred = "eps" if self._model == "eps" else "v"
        logs = double_sigmas(self._model).log()
        return (toy.unet(self._kind, pred, x, timesteps, encoder_hidden_states, logs),)


def is_said(case: Case) -> bool:
    """Whether a graph that paramc reads to a Job says the case, and gives numbers; flows have tests of their own."""
    unsaid = case.get("model") in ("sd3", "flux") or case.get("batch_inds") or case.get("nonfinite")
    return not unsaid


def played(case: Case, nudge: Nudge | None) -> Result:
    """The case by the runner; moved sigmas, which only say how much rounding matters, by its pieces."""
    if nudge is not None:
        return Sampling(case, nudge).result()
    seen = Seen()
    plan = paramc.lower(paramc.parse(json.dumps(_graph(case))))
    guide = partial(guide_of, plan, strips=True) if "good" not in texts_of(case) else partial(_guide, case)
    values = sample(pass_of(plan, _latent(case), _checkpoint(case), guide, seen)).values
    latent = given(case) if values is None else values / SCALE
    return Result(latent, seen.times)


def given(case: Case) -> Tensor:
    return lat(case["shape"], 0) if case.get("latent") else torch.zeros(case["shape"])


def _graph(case: Case) -> dict[str, Any]:
    batch, _, height, width = case["shape"]
    loader = node("CheckpointLoaderSimple", ckpt_name="toy.safetensors")
    zsnr = node("ModelSamplingDiscrete", model=["file", 0], sampling="v_prediction", zsnr=True)
    start = node("EmptyLatentImage", width=width * 8, height=height * 8, batch_size=batch)
    if case.get("latent"):
        start = node("RepeatLatentBatch", samples=["encoded", 0], amount=batch)
    if case.get("mask"):
        start = node("SetLatentNoiseMask", samples=["encoded", 0], mask=["mask", 0])
    common = {"cfg": case["cfg"], "sampler_name": case["sampler"], "scheduler": case["scheduler"]}
    wires = {"positive": [list(texts_of(case))[-1], 0], "negative": ["bad", 0], "latent_image": ["start", 0]}
    model = {"model": ["zsnr" if case.get("model") == "v_zsnr" else "file", 0]}
    return {
        "file": loader,
        "zsnr": zsnr,
        "picture": node("LoadImage", image="a.png"),
        "encoded": node("VAEEncode", pixels=["picture", 0], vae=["file", 2]),
        "mask": node("LoadImageMask", image="b.png", channel="red"),
        "start": start,
        **texts_of(case),
        "bad": node("CLIPTextEncode", text=case["neg"], clip=["file", 1]),
        "pass": _sampler(case, **common, **wires, **model),
        "decoded": node("VAEDecode", samples=["pass", 0], vae=["file", 2]),
        "saved": node("SaveImage", images=["decoded", 0], filename_prefix="x"),
    }


def texts_of(case: Case) -> dict[str, Any]:
    """The nodes of the positive side, the last of which gives it."""
    encoded = [node("CLIPTextEncode", text=text, clip=["file", 1]) for text in TEXTS]
    both = {"fox": encoded[0], "house": encoded[1]}

    def whole(kind: str, first: str = "fox", **told: object) -> dict[str, Any]:
        second = node(kind, conditioning=["house", 0], **told)
        combined = node("ConditioningCombine", conditioning_1=[first, 0], conditioning_2=["second", 0])
        return {"second": second, "combined": combined}

    match case["pos"]:
        case "combine(1,1)":
            return {**both, "sum": node("ConditioningCombine", conditioning_1=["fox", 0], conditioning_2=["house", 0])}
        case "combine(0.5,1.5)":
            half = node("ConditioningSetAreaStrength", conditioning=["fox", 0], strength=0.5)
            return {**both, "half": half, **whole("ConditioningSetAreaStrength", "half", strength=1.5)}
        case "area(h4,w4,y2,x3,0.8)":
            return {**both, **whole("ConditioningSetArea", height=32, width=32, y=16, x=24, strength=0.8)}
        case "timestep 0-0.4 / 0.4-1":
            first = node("ConditioningSetTimestepRange", conditioning=["fox", 0], start=0.0, end=0.4)
            return {**both, "first": first, **whole("ConditioningSetTimestepRange", "first", start=0.4, end=1.0)}
        case "mask rows1-4 cols2-6 s0.7":
            mask = node("LoadImageMask", image=_drawn(), channel="red")
            place = whole("ConditioningSetMask", mask=["drawn", 0], strength=0.7, set_cond_area="default")
            return {**both, "drawn": mask, **place}
        case text:
            return {"good": node("CLIPTextEncode", text=text, clip=["file", 1])}


@cache
def _drawn() -> str:
    """A file with a mask of rows 1 to 4 and columns 2 to 6 of the latent."""
    picture = Image.new("RGB", (64, 64))
    picture.paste((255, 0, 0), (16, 8, 56, 40))
    path = Path(mkdtemp()) / "mask.png"
    picture.save(path)
    return str(path)


def _sampler(case: Case, **shared: object) -> dict[str, Any]:
    """The node of the pass: the advanced one where it runs a part of the steps or adds no noise."""
    if not {"start", "last", "disable_noise"} & case.inputs.keys():
        return node("KSampler", steps=case["steps"], denoise=case.get("denoise", 1.0), seed=case["seed"], **shared)
    return node(
        "KSamplerAdvanced",
        **shared,
        steps=case["steps"],
        noise_seed=case["seed"],
        add_noise="disable" if case.get("disable_noise") else "enable",
        start_at_step=case.get("start", 0),
        end_at_step=case.get("last", LATER),
        return_with_leftover_noise="disable" if case.get("force") else "enable",
    )


def node(kind: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def _checkpoint(case: Case) -> Any:
    prediction = "epsilon" if case.get("model", "eps") == "eps" else "v"
    return sd1_of(Network(case), prediction)


def _guide(case: Case, name: str) -> Guide:
    text = case["neg"] if name.startswith("negative") else case["pos"]
    conditioning = embedded(LONG if text == "long" else text)
    return Guide((Branch((Entry(LATER, conditioning),)),), lambda: conditioning.tokens)


def _latent(case: Case) -> Latent:
    batch, *shape = case["shape"]
    latent = Latent(tuple(shape), batch, given(case) * SCALE if case.get("latent") else None)
    if not case.get("mask"):
        return latent
    mask = torch.zeros(1, 1, 8, 8)
    mask[:, :, 2:6, 1:5] = 1.0
    mask[:, :, 4] = 0.5
    values = given(case) * SCALE if case.get("latent") else torch.zeros(case["shape"])
    return replace(latent, values=values, mask=mask)
