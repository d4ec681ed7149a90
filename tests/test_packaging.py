"""Wheel and sdist: the data folders are inside, only `paramc` can be imported, and the command works anywhere."""

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import lark
import pydantic
import pytest

import paramc

ROOT = Path(paramc.__file__).parents[1]
DATA = ("grammars", "targets")
TEXT = "a red fox\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"

pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="not a checkout")


def build(folder: Path, kind: str, into: Path) -> Path:
    """What hatchling makes of the project in `folder`, in this environment and hence without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (made,) = into.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "sdist", tmp_path_factory.mktemp("sdist"))


def tree(*folders: str) -> dict[str, bytes]:
    """The files under the folders of the checkout by their names there."""
    return {name: (ROOT / name).read_bytes() for folder in folders for name in _names(ROOT / folder)}


def _names(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(ROOT).as_posix()


def contents(wheel: Path) -> dict[str, bytes]:
    """The files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def test_the_wheel_holds_the_data_folders_as_they_are(wheel: Path) -> None:
    inside = {name.removeprefix("paramc/_data/"): data for name, data in contents(wheel).items() if "/_data/" in name}
    assert inside == tree(*DATA)


def test_the_wheel_holds_the_package_as_it_is(wheel: Path) -> None:
    own = {name: data for name, data in contents(wheel).items() if name.startswith("paramc/") and "/_data/" not in name}
    assert own == tree("paramc")


def test_nothing_but_the_package_can_be_imported_from_the_wheel(wheel: Path) -> None:
    tops = {PurePosixPath(name).parts[0] for name in contents(wheel)}
    assert tops == {"paramc", f"paramc-{paramc.__version__}.dist-info"}


def test_the_data_folders_hold_no_python() -> None:
    assert [name for name in tree(*DATA) if name.endswith((".py", ".pyc"))] == []


def test_the_wheel_is_small_beside_the_demo_model(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        weights = [item.compress_size for item in archive.infolist() if item.filename.endswith(".safetensors")]
    assert sum(weights) < 12_000_000
    assert wheel.stat().st_size - sum(weights) < 2_000_000


def test_the_sdist_holds_package_and_data(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        inside = {member.name.split("/", 1)[1] for member in archive.getmembers() if member.isfile()}
    assert inside >= {*tree("paramc", *DATA), "pyproject.toml", "README.md", "LICENSE"}


def test_the_sdist_gives_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    again = build(unpacked, "wheel", tmp_path / "again")
    assert contents(again) == contents(wheel)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a fresh environment that has the wheel, and sees the dependencies of this one."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=True)
    python = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [python, "-m", "pip", "install", "--no-index", "--no-deps", "--disable-pip-version-check", wheel]
    subprocess.run(install, check=True, capture_output=True)
    ask = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(ask, check=True, capture_output=True, text=True)
    packages = {str(Path(module.__file__ or "").parents[1]) for module in (lark, pydantic)}
    Path(site.stdout.strip(), "dependencies.pth").write_text("\n".join(sorted(packages)), encoding="utf-8")
    return python.with_name("paramc")


def run(command: Path, *words: str, folder: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """The command in another folder, with nothing of this checkout in its surroundings."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PARAMC_CACHE": ""}
    given = [command, *words]
    return subprocess.run(given, cwd=folder, env=env, input=text, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_installed_package_is_the_one_that_runs(installed: Path, tmp_path: Path) -> None:
    done = run(installed.with_name("python"), "-c", "import paramc; print(paramc.__file__)", folder=tmp_path)
    assert Path(done.stdout.strip()).is_relative_to(installed.parents[1])


@pytest.mark.slow
@pytest.mark.parametrize("target", ["a1111", "comfyui", "diffusers", "json"])
def test_the_installed_command_converts_in_any_folder(installed: Path, tmp_path: Path, target: str) -> None:
    done = run(installed, "convert", "--to", target, "--format", "json", folder=tmp_path, text=TEXT)
    assert (done.returncode, json.loads(done.stdout)["result"]["target"]) == (0, target)


@pytest.mark.slow
def test_the_installed_command_knows_its_version(installed: Path, tmp_path: Path) -> None:
    assert run(installed, "--version", folder=tmp_path).stdout == f"paramc {paramc.__version__}\n"
