"""For each feature of the closed list, a job that asks for it: what the tests of the style `exact` enumerate."""

from collections.abc import Mapping
from typing import NamedTuple

import paramc
from paramc.ir.assets import AssetRef, ImageRef
from paramc.ir.base import Model
from paramc.ir.control import ControlNet
from paramc.ir.family import Family
from paramc.ir.features import features
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.stages import ImageToImage, Inpaint

TEXT = (
    "{prompt}\nNegative prompt: {negative}\nSteps: 6, Sampler: Euler, Schedule type: Simple, CFG scale: 5, Seed: 42, "
    "Size: 64x64, RNG: {rng}{more}, Version: {version}"
)
HIRES = "Denoising strength: 0.7, Hires upscale: 2, Hires steps: 3, Hires upscaler: "
FORGE = "f2.0.1v1.10.1-previous-636-gb835f24a"
LONG = "a photo of a bad cat, " * 15
PLAIN = "a photo of a cat"
MASKED = ImageRef(path="mask.png")
KARRAS, BETA = {"sampling.schedule": "karras"}, {"sampling.schedule": "beta"}
START = ImageRef(path="input.png")
PLACE = (("branch", 1), ("x", 16), ("width", 40), ("height", 64), ("mask", MASKED), ("mask_strength", 0.5))


class Witness(NamedTuple):
    """What differs from an ordinary job: its texts, settings as a UI writes them, values of the Job."""

    prompt: str = PLAIN
    negative: str = "bad quality"
    more: str = ""
    rng: str = "CPU"
    version: str = "v1.10.1"
    values: Mapping[str, object] = {}
    task: Model | None = None
    learned: tuple[str, ...] = ()
    unit: Model | None = None

    def job(self, family: str) -> Job:
        """The job, for a model of a family."""
        more = f", {self.more}" if self.more else ""
        texts = {"prompt": self.prompt, "negative": self.negative}
        made = paramc.parse(TEXT.format(**texts, rng=self.rng, more=more, version=self.version))
        made = made.replace(self.values)
        changes: dict[str, object] = {"family": Family(name=family, base=family.partition("-")[0])}
        if self.task is not None:
            changes["task"] = self.task
        if self.unit is not None:
            changes["controls"] = (self.unit,)
        if self.learned:
            words = tuple(AssetRef(name=name) for name in self.learned)
            changes["assets"] = made.assets.model_copy(update={"embeddings": words})
        return made.model_copy(update=changes)


def hires(more: str, upscaler: str = "Latent") -> Witness:
    return Witness(more=f"{HIRES}{upscaler}{more}")


def named(kind: str, path: str) -> dict[str, Witness]:
    """A witness for each sampler or schedule that a table knows."""
    names = [name.removeprefix(f"{kind}.") for name in features() if name.startswith(f"{kind}.")]
    return {f"{kind}.{name}": Witness(values={path: name}) for name in names if name != "unknown"}


def inpaint(**settings: object) -> Witness:
    usual = {"init": START, "mask": MASKED, "strength": 0.6, "mask_blur": 4, "padding": 8, "resize": "crop"}
    return Witness(task=Inpaint.model_validate(usual | settings))


WITNESSES: dict[str, Witness] = {
    "producer": Witness(),
    "task.image_to_image": Witness(task=ImageToImage(init=START, strength=0.6)),
    "task.strength": Witness(task=ImageToImage(init=START, strength=0.4)),
    "task.inpaint": inpaint(),
    "task.inpaint.fill": inpaint(fill="latent_noise"),
    "task.inpaint.area": inpaint(area="masked"),
    "prompt": Witness(),
    "negative": Witness(),
    "prompt.emphasis": Witness("a (cat:1.4) [bad]"),
    "prompt.edit": Witness("a [cat:dog:0.5]"),
    "prompt.alternate": Witness("a [cat|dog]"),
    "prompt.and": Witness("a cat AND a dog :0.6"),
    "prompt.break": Witness("a cat BREAK a dog"),
    "prompt.embedding": Witness("a cat, bad_hand", learned=("bad_hand",)),
    "prompt.long": Witness(LONG),
    "text.emphasis.original": Witness("a (cat:1.4)", more="Emphasis: Original"),
    "text.emphasis.no_norm": Witness("a (cat:1.4)", more="Emphasis: No norm"),
    "text.emphasis.ignore": Witness("a (cat:1.4)", more="Emphasis: Ignore"),
    "text.emphasis.none": Witness("a (cat:1.4)", more="Emphasis: None"),
    "text.emphasis.comfy": Witness("a (cat:1.4)", values={"text.emphasis": "comfy"}),
    "text.layer": Witness(more="Clip skip: 2"),
    "text.padding": Witness(LONG, more="Pad conds: True"),
    "text.legacy_timelines": Witness("a [cat:dog:0.5]", more="Old prompt editing timelines: True"),
    "text.backtrack": Witness(LONG, values={"text.backtrack": 5}),
    "size": Witness(values={"size": Size(72, 104)}),
    "batch": Witness(more="Batch size: 2"),
    "asset.hash": Witness(more="Model hash: 0123456789"),
    "sampling.steps": Witness(),
    "sampling.part": Witness(values={"sampling.first_step": 1, "sampling.last_step": 4}),
    "sampling.cfg_scale": Witness(),
    "sampling.cfg_rescale": Witness(values={"sampling.cfg_rescale": 0.6}),
    "sampling.skip_cfg": Witness(more="NGMS: 4, Skip Early CFG: 0.2"),
    "sampling.distilled": Witness(more="Distilled CFG Scale: 2.5", version=FORGE),
    "sampling.shift": Witness(values={"sampling.shift": 2.0}),
    "sampling.eta": Witness(more="Eta: 0.5", values={"sampling.sampler": "euler_ancestral"}),
    "sampling.churn": Witness(more="Sigma churn: 3, Sigma noise: 1.02"),
    "sampling.unipc": Witness(more="UniPC variant: bh2, UniPC order: 2", values={"sampling.sampler": "unipc"}),
    "sigmas.range": Witness(more="Schedule max sigma: 10, Schedule rho: 5", values=KARRAS),
    "sigmas.beta": Witness(more="Beta schedule alpha: 0.5, Beta schedule beta: 0.7", values=BETA),
    "sigmas.drop": Witness(more="Discard penultimate sigma: True"),
    "model.zero_snr": Witness(more="Noise Schedule: Zero Terminal SNR"),
    "model.downcast": Witness(more="Downcast alphas_cumprod: True"),
    "model.quantized_time": Witness(values={"sampling.quantizes_timesteps": True}),
    "noise.seed": Witness(),
    "noise.cuda": Witness(values={"noise.generator": "cuda"}),
    "noise.cpu": Witness(),
    "noise.philox": Witness(rng="NV"),
    "noise.variation": Witness(more="Batch size: 2, Variation seed: 7, Variation seed strength: 0.3"),
    "noise.resized": Witness(more="Seed resize from: 96x48"),
    "noise.delta": Witness(more="ENSD: 31337", values={"sampling.sampler": "euler_ancestral"}),
    "noise.per_batch": Witness(more="Batch size: 2", values={"noise.per_batch": True}),
    "noise.none": Witness(task=ImageToImage(init=START, strength=0.6), values={"noise.multiplier": 0.0}),
    "noise.scale": Witness(task=ImageToImage(init=START, strength=0.6), more="Extra noise: 0.1, Noise multiplier: 0.9"),
    "stage.hires": hires(", Hires sampler: Euler a"),
    "stage.hires.upscaler": hires("", "Latent (bicubic antialiased)"),
    "stage.hires.cfg": hires(", Hires CFG Scale: 3"),
    "stage.hires.prompt": hires(", Hires prompt: a dog"),
    "stage.hires.merging": hires(", Token merging ratio hr: 0.3"),
    "stage.refiner": Witness(more="Refiner: refiner, Refiner switch at: 0.5"),
    "control.controlnet": Witness(unit=ControlNet(model=AssetRef(name="net"), image=START, weight=0.8)),
    "patch.token_merging": Witness(more="Token merging ratio: 0.5"),
    "patch.tiling": Witness(more="Tiling: True"),
    "patch.prompt_area": Witness("a cat AND a dog", values={f"patches.prompt_area.{name}": at for name, at in PLACE}),
    **named("sampler", "sampling.sampler"),
    **named("schedule", "sampling.schedule"),
}
UNASKED = {
    "text.language": "the job's own",
    "text.emphasis.compel": "its program reads texts in a way that gets no loop of its own",
    "prompt.network": "laid over the weights by the library; test_own_pictures",
    "patch.extra_network": "laid over the weights by the library; test_own_pictures",
    "asset.checkpoint": "the folder of the tiny pipeline",
    "asset.status": "what the resolver found",
    "asset.vae": "a file that there is not",
    "task.inpaint.weight": "of models that are made for masks, which get no loop of their own",
    "stage.post_upscale": "behind the latent",
}
"""Features that a script may keep, and why there is no witness for them here."""
