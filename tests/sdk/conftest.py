"""Tiny pipelines for the tests that run scripts; without the runner's libraries they are skipped."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from paramc.ir.job import Job

Tiny = Callable[[str], Path]
EXACT = 1e-5  # of the latent, between a script and the runner


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """The folder of the tiny pipeline of a base, made on first use."""
    for module in ("torch", "diffusers", "transformers", "peft"):
        pytest.importorskip(module)
    from tests.sdk.tiny import save

    folder = tmp_path_factory.mktemp("models")
    return cache(lambda base: save(base, folder))


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No hub, and pictures go to a folder of their own."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def worded(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """The same with the whole vocabulary, which the runner's own tokeniser needs."""
    for module in ("torch", "diffusers", "transformers"):
        pytest.importorskip(module)
    from tests.sdk.tiny import save

    folder = tmp_path_factory.mktemp("worded")
    return cache(lambda base: save(base, folder, whole=True))


@pytest.fixture
def agrees(worded: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Callable[[Job], None]:
    """Holds a job's script against the runner."""

    def agrees(made: Job) -> None:
        from tests.sdk.deviations import deviation
        from tests.sdk.painted import prepare

        assert made.family is not None
        folder = worded(made.family.base)
        prepare(folder, monkeypatch)
        assert deviation(made, folder, "exact") <= EXACT

    return agrees
