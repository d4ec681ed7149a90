"""What loading a large checkpoint costs: one pass over the file, and little more memory than the weights."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch

from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.models.checkpoint import load_checkpoint
from tests.unit.runtime_models.tiny import Unet, filled, save, sd1_shapes

pytestmark = [pytest.mark.sdk, pytest.mark.slow]

PROGRAM = """
import gc, resource, sys
from pathlib import Path
import torch
from paramc.runtime.models.checkpoint import load_checkpoint

def memory(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
def read(): return int(Path("/proc/self/io").read_text().split()[1])
load_checkpoint(Path(sys.argv[2]))
gc.collect()
before, start = memory(), read()
kept = load_checkpoint(Path(sys.argv[1]), dtype=getattr(torch, sys.argv[3]))
print(memory() - before, read() - start)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shapes = sd1_shapes(Unet(widths=(128, 256, 512, 512)))
    return save(tmp_path_factory.mktemp("large") / "a.safetensors", filled(shapes, dtype=torch.float16))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measured through /proc")
@pytest.mark.parametrize(("dtype", "width"), [("float16", 2), ("float32", 4)])
def test_loading_is_one_pass_and_little_memory(large: Path, sd1_file: Path, dtype: str, width: int) -> None:
    command = [sys.executable, "-c", PROGRAM, str(large), str(sd1_file), dtype]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    memory, read = map(int, done.stdout.split())
    size = large.stat().st_size
    assert read <= 1.02 * size
    assert memory <= 1.3 * size * width / 2


def test_a_damaged_file_is_named_within_a_second(large: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(large.read_bytes()[:-1])
    start = time.perf_counter()
    with pytest.raises(ModelError):
        load_checkpoint(cut)
    assert time.perf_counter() - start < 1
