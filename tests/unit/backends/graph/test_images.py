"""Where sampling starts, what lies between two passes, and what comes out."""

import json
from typing import Any

import pytest

import paramc
from paramc.diagnostics.model import UnknownName
from paramc.ir.assets import ImageRef
from paramc.ir.geometry import Size
from paramc.ir.job import Batch, Job
from paramc.ir.plan import (
    Decode,
    EmptyLatent,
    EncodeImage,
    LoadImage,
    MaskLatent,
    Op,
    Plan,
    ResizeLatent,
    Run,
    Save,
    UpscaleImage,
)
from paramc.ir.stages import Inpaint
from tests.unit.backends.graph.plans import classes, every, graph_of, only, picture, sample, text_of, weighted
from tests.unit.backends.graph.server import refusals


def on_picture(
    *ops: Op, image: ImageRef | None = None, resize: Any = "stretch", batch: int = 1, job: Job | None = None
) -> dict[str, Any]:
    load = LoadImage(id="image", image=image or ImageRef(), size=Size(640, 512), resize=resize)
    encode = EncodeImage(id="latent", image="image", vae="checkpoint.vae", batch=batch)
    start = sample("sample", latent=ops[-1].id if ops else "latent")
    plan = picture(load, encode.model_copy(update={"id": "encoded"}), start)
    before = [op for op in plan.ops if op.id not in ("latent", "encoded")]
    at = [op.id for op in before].index("sample")
    made = graph_of(plan.model_copy(update={"ops": (*before[:at], encode, *ops, *before[at:])}), job)
    assert refusals(made) == []
    return made


def after_sampling(*ops: Op, image: str) -> dict[str, Any]:
    plan = picture(Save(id="save", image=image))
    made = graph_of(plan.model_copy(update={"ops": (*plan.ops[:-1], *ops, plan.ops[-1])}))
    assert refusals(made) == []
    return made


@pytest.mark.parametrize(
    ("base", "class_type"),
    [
        ("sd1", "EmptyLatentImage"),
        ("sdxl", "EmptyLatentImage"),
        ("sd3", "EmptySD3LatentImage"),
        ("flux", "EmptySD3LatentImage"),
        ("chroma", "EmptySD3LatentImage"),
    ],
)
def test_the_empty_latent_has_the_depth_of_the_base(base: str, class_type: str) -> None:
    assert only(graph_of(picture(family=base)), class_type) == {"width": 512, "height": 768, "batch_size": 1}


@pytest.mark.parametrize(("position", "size"), [(None, 4), (0, 1), (2, 1)])
def test_an_image_of_a_batch_is_made_alone(position: int | None, size: int) -> None:
    plan = picture(EmptyLatent(id="latent", size=Size(512, 512), batch=4))
    made = graph_of(plan, Job(batch=Batch(size=4, position=position)))
    assert only(made, "EmptyLatentImage")["batch_size"] == size


@pytest.mark.parametrize(
    ("image", "file"),
    [
        (ImageRef(path="/home/me/cat.jpg"), "cat.jpg"),
        (ImageRef(path="C:\\pictures\\cat.webp"), "cat.webp"),
        (ImageRef(md5="d41d8cd9"), "d41d8cd9.png"),
        (ImageRef(), "input.png"),
    ],
)
def test_the_picture_is_a_file_in_the_input_folder(image: ImageRef, file: str) -> None:
    assert only(on_picture(image=image), "LoadImage") == {"image": file}


@pytest.mark.parametrize(("resize", "crop"), [("stretch", "disabled"), ("crop", "center"), ("pad", "center")])
def test_the_picture_is_brought_to_size(resize: str, crop: str) -> None:
    made = on_picture(resize=resize)
    node = only(made, "ImageScale")
    assert (node["upscale_method"], node["width"], node["height"], node["crop"]) == ("lanczos", 640, 512, crop)
    assert made[only(made, "VAEEncode")["pixels"][0]]["class_type"] == "ImageScale"
    assert made[only(made, "KSampler")["latent_image"][0]]["class_type"] == "VAEEncode"


def test_a_latent_may_be_brought_to_size_instead() -> None:
    made = on_picture(resize="latent")
    assert "ImageScale" not in classes(made)
    node = only(made, "LatentUpscale")
    assert (node["upscale_method"], node["width"], node["height"]) == ("bilinear", 640, 512)


def test_a_batch_on_a_picture_repeats_its_latent() -> None:
    assert only(on_picture(batch=3), "RepeatLatentBatch")["amount"] == 3
    assert "RepeatLatentBatch" not in classes(on_picture(batch=3, job=Job(batch=Batch(size=3, position=1))))


def test_pictures_of_a_first_pass_are_a_batch_already() -> None:
    again = EncodeImage(id="again", image="decode", vae="checkpoint.vae", batch=3)
    made = after_sampling(again, Decode(id="end", latent="again", vae="checkpoint.vae"), image="end")
    assert "VAEEncode" in classes(made)
    assert "RepeatLatentBatch" not in classes(made)


def masked(**changes: Any) -> dict[str, Any]:
    usual = {"blur": 4.0, "inverts": False, "fill": "original", "area": "whole", "padding": 32, "mask_weight": 1.0}
    given = {"id": "masked", "latent": "latent", "mask": ImageRef(path="m.png")}
    return on_picture(MaskLatent.model_validate(given | usual | changes))


def test_a_mask_is_blurred_and_laid_on_the_latent() -> None:
    made = masked()
    assert only(made, "LoadImageMask") == {"image": "m.png", "channel": "red"}
    assert (only(made, "ImageBlur")["blur_radius"], only(made, "ImageBlur")["sigma"]) == (10, 4.0)
    assert made[only(made, "SetLatentNoiseMask")["mask"][0]]["class_type"] == "ImageToMask"
    assert made[only(made, "KSampler")["latent_image"][0]]["class_type"] == "SetLatentNoiseMask"
    assert "InvertMask" not in classes(made)


@pytest.mark.parametrize(("blur", "radius", "sigma"), [(64.0, 31, 10.0), (0.1, 1, 0.1)])
def test_a_blur_stays_within_what_the_node_takes(blur: float, radius: int, sigma: float) -> None:
    node = only(masked(blur=blur), "ImageBlur")
    assert (node["blur_radius"], node["sigma"]) == (radius, sigma)


def test_a_mask_without_blur_is_taken_as_it_is() -> None:
    made = masked(blur=0.0, inverts=True)
    assert made[only(made, "SetLatentNoiseMask")["mask"][0]]["class_type"] == "InvertMask"


@pytest.mark.parametrize(
    ("method", "word"),
    [
        ("bilinear", "bilinear"),
        ("bicubic_antialias", "bicubic"),
        ("nearest", "nearest-exact"),
        ("nearest_exact", "nearest-exact"),
        ("new", "bilinear"),
    ],
)
def test_latents_are_enlarged_by_the_nearest_method(method: str, word: str) -> None:
    size = Size(1024, 1536)
    enlarged = ResizeLatent(id="enlarged", latent="sample", method=method, size=size, crop_to=size)
    made = after_sampling(enlarged, Decode(id="big", latent="enlarged", vae="checkpoint.vae"), image="big")
    node = only(made, "LatentUpscale")
    assert (node["upscale_method"], node["width"], node["height"], node["crop"]) == (word, 1024, 1536, "disabled")
    assert "LatentCrop" not in classes(made)


def test_the_excess_of_a_latent_is_cut_evenly() -> None:
    enlarged = ResizeLatent(
        id="enlarged", latent="sample", method="bilinear", size=Size(1024, 1536), crop_to=Size(1024, 1000)
    )
    made = after_sampling(enlarged, Decode(id="big", latent="enlarged", vae="checkpoint.vae"), image="big")
    node = only(made, "LatentCrop")
    assert (node["width"], node["height"], node["x"], node["y"]) == (1024, 1000, 0, 264)


def upscaled(upscaler: str, **changes: Any) -> dict[str, Any]:
    op = UpscaleImage.model_validate({"id": "up", "image": "decode", "upscaler": upscaler, "size": None} | changes)
    return after_sampling(op, image="up")


@pytest.mark.parametrize(
    ("label", "file"),
    [
        ("4x-UltraSharp", "4x-UltraSharp.pth"),
        ("R-ESRGAN 4x+", "RealESRGAN_x4plus.pth"),
        ("R-ESRGAN 4x+ Anime6B", "RealESRGAN_x4plus_anime_6B.pth"),
        ("R-ESRGAN 2x+", "RealESRGAN_x2plus.pth"),
        ("R-ESRGAN AnimeVideo", "realesr-animevideov3.pth"),
        ("R-ESRGAN General 4xV3", "realesr-general-x4v3.pth"),
        ("R-ESRGAN General WDN 4xV3", "realesr-general-wdn-x4v3.pth"),
        ("4x_foolhardy_Remacri.safetensors", "4x_foolhardy_Remacri.safetensors"),
    ],
)
def test_a_model_enlarges_and_the_size_is_set_behind_it(label: str, file: str) -> None:
    made = upscaled(f"model:{label}", size=Size(1024, 1536))
    assert only(made, "UpscaleModelLoader") == {"model_name": file}
    node = only(made, "ImageScale")
    assert (node["upscale_method"], node["width"], node["height"], node["crop"]) == ("lanczos", 1024, 1536, "disabled")
    assert made[node["image"][0]]["class_type"] == "ImageUpscaleWithModel"


@pytest.mark.parametrize(
    ("upscaler", "method"),
    [("image:nearest", "nearest-exact"), ("image:lanczos", "lanczos"), ("none", "lanczos"), ("", "lanczos")],
)
def test_resampling_alone_enlarges_too(upscaler: str, method: str) -> None:
    made = upscaled(upscaler, size=Size(1024, 1536))
    assert only(made, "ImageScale")["upscale_method"] == method
    assert "UpscaleModelLoader" not in classes(made)


def test_a_factor_is_worked_out_from_the_size_of_the_picture() -> None:
    node = only(upscaled("model:4x-UltraSharp", scale=1.5), "ImageScale")
    assert (node["width"], node["height"]) == (768, 1152)


def test_a_factor_counts_from_what_was_cut() -> None:
    enlarged = ResizeLatent(
        id="enlarged", latent="sample", method="bilinear", size=Size(1024, 1536), crop_to=Size(1024, 1024)
    )
    big = Decode(id="big", latent="enlarged", vae="checkpoint.vae")
    up = UpscaleImage(id="up", image="big", upscaler="none", size=None, scale=2.0)
    node = only(after_sampling(enlarged, big, up, image="up"), "ImageScale")
    assert (node["width"], node["height"]) == (2048, 2048)


def test_a_factor_on_a_picture_of_unknown_size_is_a_factor() -> None:
    ops = (
        LoadImage(id="image", image=ImageRef(path="a.png")),
        UpscaleImage(id="up", image="image", upscaler="image:lanczos", size=None, scale=2.0),
        Save(id="save", image="up"),
    )
    made = graph_of(Plan(family="sd1", base="sd1", ops=ops))
    assert refusals(made) == []
    assert classes(made) == ["LoadImage", "ImageScaleBy", "SaveImage"]


def test_the_excess_of_a_picture_is_cut_evenly() -> None:
    node = only(upscaled("none", size=Size(1024, 1536), crop_to=Size(1000, 1536)), "ImageCrop")
    assert (node["width"], node["height"], node["x"], node["y"]) == (1000, 1536, 8, 0)


@pytest.mark.parametrize(
    ("wish", "prefix"),
    [
        ("cats/%date%", "cats/%date%"),
        ("../../etc/x", "etc/x"),
        ("/a\\b:c*\n", "a_b_c__"),
        ("", "sd1"),
        ("..", "sd1"),
    ],
)
def test_the_result_stays_in_its_folder(wish: str, prefix: str) -> None:
    assert only(graph_of(picture(), filename_prefix=wish), "SaveImage")["filename_prefix"] == prefix


def test_nodes_are_numbered_from_their_inputs_on() -> None:
    made = graph_of(picture())
    assert list(made) == [str(number + 1) for number in range(len(made))]
    links = [
        (key, value[0]) for key, node in made.items() for value in node["inputs"].values() if isinstance(value, list)
    ]
    assert all(int(source) < int(key) for key, source in links)


def test_nodes_that_lead_nowhere_are_left_out() -> None:
    unused = LoadImage(id="image", image=ImageRef(), size=Size(512, 512))
    assert "LoadImage" not in classes(graph_of(picture(unused)))


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", '😀 \x00\x1b[31m "quoted" \\ {a|b} // c', "ß\u2028"])
def test_any_text_is_json_in_utf8_and_reads_back(text: str) -> None:
    written = text_of(picture(weighted("positive", Run(text=text))))
    assert written.encode()
    assert every(json.loads(written), "CLIPTextEncode")[0]["text"] == text


def test_the_same_plan_is_the_same_text() -> None:
    assert text_of(picture()) == text_of(picture())


def test_nothing_under_the_mask_is_a_latent_of_zeros_there() -> None:
    made = masked(fill="latent_nothing", blur=0.0)
    composite = only(made, "LatentCompositeMasked")
    assert made[only(made, "SetLatentNoiseMask")["samples"][0]]["class_type"] == "LatentCompositeMasked"
    assert made[composite["source"][0]] == made[composite["source"][0]] | {"class_type": "LatentMultiply"}
    assert only(made, "LatentMultiply")["multiplier"] == 0.0
    assert made[composite["mask"][0]]["class_type"] == "LoadImageMask"


def test_the_filled_part_is_encoded_grey_under_the_sharp_mask() -> None:
    made = masked(fill="fill")
    assert made[only(made, "VAEEncodeForInpaint")["mask"][0]]["class_type"] == "LoadImageMask"
    assert made[only(made, "SetLatentNoiseMask")["samples"][0]]["class_type"] == "VAEEncodeForInpaint"
    assert "VAEEncode" not in classes(made)


def test_a_soft_mask_is_a_patch_of_the_model() -> None:
    made = masked(soft={})
    assert made[only(made, "KSampler")["model"][0]]["class_type"] == "DifferentialDiffusion"


PART = {"painted_part": "64, 32, 320, 416"}


def inpainted(keeps_shades: bool = False, batch: int = 1, **options: str) -> dict[str, Any]:
    """A pass over what a mask shows, of the picture in the usual place."""
    mask = MaskLatent(
        id="masked", latent="latent", mask=ImageRef(path="m.png"), blur=0, inverts=False, fill="fill", area="masked",
        padding=32, mask_weight=1.0, keeps_shades=keeps_shades,
    )  # fmt: skip
    ops = (
        LoadImage(id="image", image=ImageRef(path="in.png"), size=Size(512, 768)),
        EncodeImage(id="latent", image="image", vae="checkpoint.vae", batch=batch),
        mask,
        sample("sample", latent="masked"),
    )
    plan = picture(*ops, without=("latent",))
    order = [op.id for op in plan.ops]
    front = [op for op in plan.ops if order.index(op.id) < order.index("image") and op.id != "latent"]
    rest = [op for op in plan.ops if op.id in ("sample", "decode", "save")]
    made = graph_of(plan.model_copy(update={"ops": (*front, *ops[:3], *rest)}), Job(batch=Batch(size=batch)), **options)
    assert refusals(made) == []
    return made


def test_the_pixels_outside_the_mask_are_kept() -> None:
    made = inpainted()
    laid = only(made, "ImageCompositeMasked")
    assert (laid["x"], laid["y"], made[laid["destination"][0]]["class_type"]) == (0, 0, "ImageScale")
    assert laid["mask"] == only(made, "SetLatentNoiseMask")["mask"]


def test_a_program_that_keeps_greys_lays_nothing_over() -> None:
    assert "ImageCompositeMasked" not in classes(inpainted(keeps_shades=True))


def test_a_part_that_is_named_is_cut_out_and_laid_back() -> None:
    made = inpainted(**PART)
    sides = {"width": 256, "height": 384, "x": 64, "y": 32}
    assert {name: only(made, "ImageCrop")[name] for name in sides} == sides
    assert {name: only(made, "CropMask")[name] for name in sides} == sides
    laid = only(made, "ImageCompositeMasked")
    assert (laid["x"], laid["y"]) == (64, 32)
    assert made[laid["destination"][0]]["inputs"] == {"image": "in.png"}
    back = made[laid["source"][0]]["inputs"]
    assert (back["width"], back["height"], made[back["image"][0]]["class_type"]) == (256, 384, "VAEDecode")


def test_each_picture_of_a_batch_is_laid_over_the_first_one() -> None:
    made = inpainted(batch=3, **PART)
    assert only(made, "RepeatImageBatch")["amount"] == 3


def test_a_part_comes_back_from_its_graph() -> None:
    job = paramc.parse(json.dumps(inpainted(**PART)))
    assert isinstance(job.task, Inpaint)
    assert (job.task.area, job.task.fill, job.size, job.stages) == ("masked", "fill", Size(512, 768), ())


@pytest.mark.parametrize("wish", ["everything", "1,2,3", "9,9,9,20", "-1,0,5,5"])
def test_what_is_no_part_is_refused(wish: str) -> None:
    with pytest.raises(UnknownName, match="painted_part"):
        inpainted(painted_part=wish)
