"""What all tests share: the flags, and the corpus where `PARAMC_CORPUS` points at it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

if (
    "PYTEST_XDIST_WORKER" in os.environ
):  # before torch is imported: workers that each take all cores wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")

HERE = Path(__file__).parent
LONG = {HERE / "conformance"}  # recorded arrays

settings.register_profile("paramc", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("paramc")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the tests that take minutes")
    parser.addoption("--bless", action="store_true", help="rewrite the expected texts of tests/cases; read the diff")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords or LONG & {item.path, *item.path.parents}:
                item.add_marker(pytest.mark.skip(reason="takes minutes; run with --slow"))


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A catalogue of the tests' own: that of the user is neither read nor written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real texts and images; the test is skipped without it."""
    folder = os.environ.get("PARAMC_CORPUS")
    if not folder:
        pytest.skip("PARAMC_CORPUS does not point at the corpus")
    return Path(folder)


@pytest.fixture(scope="session")
def corpus_texts(corpus: Path) -> list[dict[str, object]]:
    """The records of the corpus's settings texts."""
    with (corpus / "infotext.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
