"""Pictures that are handed over to a server."""

from pathlib import Path

import pytest

from paramc.ir.assets import ImageRef
from paramc.ir.control import ControlNet, PromptArea, Reference
from paramc.ir.job import Job
from paramc.ir.stages import Inpaint
from paramc.server.pictures import find_picture

JOBS = {
    "start": lambda image: Job(task=Inpaint(init=image)),
    "mask": lambda image: Job(task=Inpaint(mask=image)),
    "unit": lambda image: Job(controls=(ControlNet(image=image),)),
    "reference": lambda image: Job(patches=(Reference(image=image),)),
    "area": lambda image: Job(patches=(PromptArea(), PromptArea(branch=1, mask=image))),
}


@pytest.mark.parametrize("kind", JOBS)
def test_a_picture_is_found_where_the_job_says(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "in.png"
    file.touch()
    assert find_picture("in.png", JOBS[kind](ImageRef(path=str(file))), ()) == file


def test_a_picture_that_the_job_does_not_name_lies_beside(tmp_path: Path) -> None:
    (tmp_path / "in.png").touch()
    assert find_picture("sub/in.png", Job(), [tmp_path / "none", tmp_path]) == tmp_path / "in.png"
    assert find_picture("other.png", Job(), [tmp_path]) is None
