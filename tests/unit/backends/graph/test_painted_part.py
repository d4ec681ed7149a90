"""The part of a picture that is painted alone: computed from the mask where it is at hand, as the runner computes it."""

import json
import math
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

import paramc
from paramc.backends.report import Artifact
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.plan import MaskLatent
from paramc.runtime.stages.part import part_to_paint

TEXT = (
    "a cat\nSteps: 20, Sampler: Euler, Seed: 5, Size: 64x64, Denoising strength: 0.5, Mask blur: 4, "
    "Inpaint area: Only masked, Masked area padding: 8"
)


def masked(mask: Path | str, **changed: object) -> Job:
    return paramc.parse(TEXT).replace({"task.mask.path": str(mask)} | changed)


def drawn(folder: Path, *, mode: str = "L", box: tuple[int, int, int, int] = (100, 60, 180, 200)) -> Path:
    """A white ellipse on black, or one that is all there is of a picture."""
    picture = Image.new(mode, (256, 320))
    ImageDraw.Draw(picture).ellipse(box, fill=255 if mode == "L" else (9, 9, 9, 255))
    picture.save(folder / "mask.png")
    return folder / "mask.png"


def written(job: Job, **options: str) -> Artifact:
    return paramc.compile(job, "comfyui", options=options)


@pytest.mark.parametrize("blur", [0.0, 1.0, 4.0, 12.5])
@pytest.mark.parametrize("mode", ["L", "RGBA"])
@pytest.mark.parametrize("box", [(100, 60, 180, 200), (0, 0, 255, 40)])
def test_it_is_the_part_that_the_runner_paints(
    tmp_path: Path, blur: float, mode: str, box: tuple[int, int, int, int]
) -> None:
    pytest.importorskip("torch")
    from paramc.runtime.execute.pictures import painted_part, prepared_mask

    job = masked(drawn(tmp_path, mode=mode, box=box)).replace({"task.mask_blur": blur})
    (op,) = (op for op in paramc.lower(job).ops if isinstance(op, MaskLatent))
    with Image.open(tmp_path / "mask.png") as picture:
        by_runner = painted_part(prepared_mask(op, picture), op, job.size or Size(0, 0))
    found = part_to_paint(job)
    assert found is not None
    assert by_runner is not None
    assert max(abs(one - other) for one, other in zip(found, by_runner, strict=True)) <= 1  # a round edge fades sooner


@pytest.mark.parametrize("size", [Size(0, 64), Size(64, 0), Size(0, 0)])
def test_a_picture_of_no_size_has_no_part(tmp_path: Path, size: Size) -> None:
    assert part_to_paint(masked(drawn(tmp_path)).model_copy(update={"size": size})) is None


@pytest.mark.parametrize("blur", [320.0, 1e12, math.inf])
def test_a_blur_as_wide_as_the_mask_leaves_nothing_out(tmp_path: Path, blur: float) -> None:
    job = masked(drawn(tmp_path))
    endless = job.model_copy(update={"task": job.task.model_copy(update={"mask_blur": blur})})
    assert part_to_paint(endless) == (0, 0, 256, 320)


def test_an_inverted_mask_marks_the_rest(tmp_path: Path) -> None:
    job = masked(drawn(tmp_path)).replace({"task.inverts_mask": True})
    assert part_to_paint(job) == (0, 0, 256, 320)


def test_the_corners_stand_in_the_graph_and_are_told(tmp_path: Path) -> None:
    made = written(masked(drawn(tmp_path)))
    (crop,) = (node["inputs"] for node in json.loads(made.text).values() if node["class_type"] == "CropMask")
    assert (crop["x"], crop["y"], crop["width"], crop["height"]) == (52, 42, 177, 177)
    (told,) = (item.message for item in made.diagnostics if item.code == "PC860")
    assert "`52,42,229,219`" in told
    assert "dropped" not in [fate.grade for fate in made.report.fates if "task.area" in fate.paths]


def test_what_the_user_says_counts_before_it(tmp_path: Path) -> None:
    made = written(masked(drawn(tmp_path)), painted_part="0,0,64,64")
    assert "PC860" not in [item.code for item in made.diagnostics]
    assert '"width": 64' in made.text


@pytest.mark.parametrize("content", [None, b"no picture", b""])
def test_without_the_mask_it_is_said_what_to_give(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "mask.png"
    if content is not None:
        path.write_bytes(content)
    made = written(masked(path))
    (why,) = (fate.why for fate in made.report.fates if "task.area" in fate.paths)
    assert "task.mask.path=FILE" in why
