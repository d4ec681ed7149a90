"""The recorded jobs: what went in, what came out, and by how much a run of ours may differ."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import paramc
from paramc.ir.job import Job

GOLDEN = Path(__file__).parents[2] / "golden" / "a1111_e2e"
RESIZES = ("stretch", "crop", "pad", "latent")


@dataclass(frozen=True)
class RecordedJob:
    """One folder of the recordings."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def notes(self) -> dict[str, Any]:
        return json.loads((self.folder / "job.json").read_text(encoding="utf-8"))

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        with np.load(self.folder / "latent.npz") as arrays:
            return {name: arrays[name] for name in arrays.files}

    def job(self) -> Job:
        """The settings text read, and what it leaves out: pictures, how they are fitted, the size of the batch."""
        job = paramc.parse((self.folder / "infotext.txt").read_text(encoding="utf-8"))
        params = self.notes["params"]
        unwritten: dict[str, object] = {}
        if (self.folder / "init.png").is_file():
            unwritten["task.init.path"] = str(self.folder / "init.png")
            unwritten["task.resize"] = RESIZES[params.get("resize_mode", 0)]
        if (self.folder / "mask.png").is_file():
            unwritten["task.mask.path"] = str(self.folder / "mask.png")
            unwritten["task.mask_blur"] = float(params["mask_blur"])
        if params.get("batch_size", 1) > 1:
            unwritten["batch.size"] = params["batch_size"]
        return job.replace(unwritten)

    def pictures(self) -> list[np.ndarray]:
        names = sorted(self.folder.glob("image*.png"))
        return [np.asarray(Image.open(name).convert("RGB")).astype(int) for name in names]


def recorded_jobs() -> list[RecordedJob]:
    return [RecordedJob(folder) for folder in sorted(GOLDEN.iterdir()) if (folder / "job.json").is_file()]
