"""The settings text of 300 jobs, as A1111 1.10.1 itself wrote them."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramc.backends.infotext import write_infotext
from paramc.dialects.codecs import number_text, quoted
from paramc.dialects.names import names_of
from paramc.dialects.registry import find_dialect
from paramc.ir.assets import AssetRef, Assets, Hash
from paramc.ir.control import Patch, Tiling, TokenMerging
from paramc.ir.geometry import Size
from paramc.ir.job import Job, Producer, Text
from paramc.ir.ledger import Stated
from paramc.ir.paths import plain, value_at
from paramc.ir.prompt import Prompt
from paramc.ir.sampling import Noise, Sampling, Variation
from paramc.ir.stages import FaceRestore, ImageRef, ImageToImage, TextToImage

GOLDEN = Path(__file__).parents[2] / "golden" / "a1111" / "a1111_infotext_write.jsonl.gz"
A1111 = find_dialect("a1111")
NAMES = names_of(A1111)
DRAWING = {"DPM++ 2S a", "Euler a", "DPM2 a", "DPM fast", "DPM adaptive"}  # the UI writes ENSD for these alone
NUMBERS = {
    "CFG scale": "sampling.cfg_scale",
    "Image CFG scale": "sampling.image_cfg_scale",
    "Conditional mask weight": "sampling.mask_weight",
    "Denoising strength": "task.strength",
    "Variation seed strength": "noise.variation.strength",
}


def records() -> list[dict]:
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize("record", records(), ids=lambda record: record["id"])
def test_a_job_is_written_as_the_ui_writes_it(record):
    assert write_infotext(job_of(record["spec"]), A1111) == record["out"]


def job_of(spec: dict) -> Job:
    """The job that a record describes; where a number is spelt unlike paramc's, the ledger lends the spelling."""
    index = 0 if spec.get("use_main_prompt") else spec["index"]
    p, opts = spec["p"], spec["opts"]
    extra = {key: of_image(value, index) for key, value in spec["extra"]}
    job = Job(
        producer=Producer(
            raw_version=spec["version"] if opts.get("add_version_to_infotext", True) else None,
            user=p.get("user") if opts.get("add_user_name_to_info") else None,
        ),
        task=task_of(p, extra),
        prompt=Prompt(text=spec["prompts"][index]),
        negative=Prompt(text=spec["negative_prompts"][index]),
        size=Size(p.get("width", 512), p.get("height", 512)),
        assets=assets_of(p, opts),
        text=Text(layer=-max(p.get("clip_skip", opts.get("CLIP_stop_at_last_layers", 1)), 1)),
        sampling=Sampling(
            sampler=NAMES.meant(p.get("sampler_name", "Euler a")).sampler,
            schedule=NAMES.schedule(p.get("scheduler", "Automatic")),
            steps=p.get("steps", 20),
            cfg_scale=p.get("cfg_scale", 7.0),
            image_cfg_scale=p.get("image_cfg_scale"),
            mask_weight=p.get("inpainting_mask_weight", 1.0) if p.get("is_using_inpainting_conditioning") else None,
        ),
        noise=noise_of(spec, p, opts, extra, index),
        stages=(FaceRestore(model="CodeFormer"),) if p.get("restore_faces") else (),
        patches=tuple(patches_of(spec, p)),
    )
    spellings = {
        "CFG scale": p.get("cfg_scale", 7.0),
        "Image CFG scale": p.get("image_cfg_scale"),
        "Conditional mask weight": p.get("inpainting_mask_weight", 1.0),
        "Denoising strength": extra.get("Denoising strength"),
        "Variation seed strength": p.get("subseed_strength"),
    }
    return job.model_copy(update={"ledger": (*spelt(job, spellings), *extras(extra))})


def of_image(value: object, index: int) -> object:
    if not isinstance(value, list):
        return value
    return value[index] if index < len(value) else None


def task_of(p: dict, extra: dict) -> ImageToImage | TextToImage:
    strength, digest = extra.get("Denoising strength"), p.get("init_img_hash")
    if strength is None and digest is None:
        return TextToImage()
    return ImageToImage(strength=strength, init=ImageRef(md5=digest))


def assets_of(p: dict, opts: dict) -> Assets:
    fp8 = opts.get("fp8_storage", "Disable") != "Disable"
    return Assets(
        checkpoint=file_of(p, opts, "sd_model", "model"),
        vae=file_of(p, opts, "sd_vae", "vae"),
        weight_dtype="fp8" if fp8 else None,
        caches_fp16_for_networks=fp8 and opts.get("cache_fp16_weight", False),
    )


def file_of(p: dict, opts: dict, attribute: str, option: str) -> AssetRef | None:
    name = p.get(f"{attribute}_name") if opts.get(f"add_{option}_name_to_info", True) else None
    digest = p.get(f"{attribute}_hash") if opts.get(f"add_{option}_hash_to_info", True) else None
    return AssetRef(name=name, hashes=(Hash(algorithm="sha256", hex=digest),) if digest else ())


def noise_of(spec: dict, p: dict, opts: dict, extra: dict, index: int) -> Noise:
    strength = p.get("subseed_strength", 0)
    width, height = p.get("seed_resize_from_w", 0), p.get("seed_resize_from_h", 0)
    draws = p.get("sampler_name", "Euler a") in DRAWING and p.get("eta", 1) != 0
    return Noise(
        seed=extra.get("Seed", spec["seeds"][index]),
        generator={"GPU": "cuda", "CPU": "cpu", "NV": "philox"}[opts.get("randn_source", "GPU")],
        variation=Variation(seed=spec["subseeds"][index], strength=strength) if strength else None,
        resized_from=Size(width, height) if width > 0 and height > 0 else None,
        delta=opts.get("eta_noise_seed_delta", 0) if draws else 0,
    )


def patches_of(spec: dict, p: dict) -> Iterator[Patch]:
    ratio, hires = spec.get("token_merging", (0, 0))
    hires = hires if p.get("enable_hr") else 0
    if ratio or hires:
        yield TokenMerging(ratio=ratio, hires=hires or None)
    if p.get("tiling"):
        yield Tiling()


def spelt(job: Job, values: dict) -> Iterator[Stated]:
    for key, value in values.items():
        if value is not None and str(value) != number_text(value):
            path = NUMBERS[key]
            yield Stated(key=key, raw=str(value), paths=(path,), read=(plain(value_at(job, path)),))


def extras(values: dict) -> Iterator[Stated]:
    for key, value in values.items():
        if value is not None and key not in ("Seed", "Denoising strength"):
            yield Stated(key=key, raw=quoted(str(value)))
