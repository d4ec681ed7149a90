"""Jobs come back from the settings texts written for them; texts come back from the Jobs read from them."""

from collections import Counter
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from paramc.backends.infotext import lost_values, write_infotext
from paramc.diagnostics.model import ReadError
from paramc.dialects.description import Dialect
from paramc.dialects.infotext import scan
from paramc.dialects.read_infotext import read_infotext
from paramc.dialects.registry import find_dialect
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.paths import leaves
from paramc.passes.sniff import sniff
from paramc.passes.upgrade import upgrade_job
from tests.properties.strategies import jobs

FAMILY = ("a1111", "forge", "forge_classic", "reforge", "sdnext")
EXAMPLES = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
CENSUS = 1000
ROUNDS = 10  # of drawing for the census: what is drawn in one of them is alike
RARE = CENSUS // 50
# what a settings text of A1111 has no word for, and what belongs to its forks or to other sources
ELSEWHERE = {
    "task.resize",
    "task.exact_steps",
    "task.init.path",
    "task.mask.path",
    "task.mask.md5",
    "text.language",
    "text.backtrack",
    "noise.per_batch",
    "sampling.quantizes_timesteps",
    "sampling.first_step",
    "sampling.last_step",
    "sampling.leaves_noise",
    "sampling.share",
    "sampling.shift",
    "stages.hires.cfg_scale",
    "stages.hires.seed",
    "stages.refiner.seed",
    "stages.hires.distilled_cfg_scale",
    "stages.hires.modules",
    "assets.modules",
    "producer.dialect",
    "controls.controlnet.image.path",
    "controls.controlnet.image.md5",
    "patches.extra_network.network",
    "stages.detailer.control.unit",
    "stages.detailer.control.resize",
    "stages.detailer.control.priority",
    "stages.detailer.control.passes",
    "stages.detailer.control.pixel_perfect",
    "stages.detailer.control.resolution",
    "stages.detailer.control.threshold_a",
    "stages.detailer.control.threshold_b",
    "stages.detailer.control.options",
    "stages.detailer.control.image.path",
    "stages.detailer.control.image.md5",
    "stages.detailer.vae.hashes",
}
OF_FILES = ("urn", "version", "network", "path", "status")
DEPENDENT = {(1, 3, 0, 0, 0), (1, 5, 2, 0, 0)}  # versions in which other values follow from the sampler
EDITS = {
    "sampling.steps": 33,
    "sampling.cfg_scale": 3.25,
    "sampling.sampler": "heun",
    "sampling.schedule": "exponential",
    "sampling.eta": 0.125,
    "noise.seed": 77,
    "noise.delta": 5,
    "noise.generator": "cpu",
    "size": Size(320, 640),
    "text.layer": -4,
    "text.emphasis": "ignore",
    "assets.checkpoint.name": "new, model",
    "batch.size": 5,
    "producer.user": "somebody",
    "stages.hires.scale": 3.5,
    "stages.hires.steps": 9,
    "stages.refiner.switch_at": 0.25,
    "task.strength": 0.375,
}


def read(text: str, dialect: Dialect) -> Job:
    return upgrade_job(read_infotext(text, dialect)[0], dialect)


@pytest.mark.parametrize("name", FAMILY)
def test_a_job_comes_back_from_its_text(name: str) -> None:
    dialect = find_dialect(name)

    @EXAMPLES
    @given(jobs(dialect))
    def holds(job: Job) -> None:
        upgraded = upgrade_job(job, dialect)
        text = write_infotext(upgraded, dialect)
        assert read(text, dialect) == upgraded
        assert lost_values(upgraded, dialect, text) == ()

    holds()


@pytest.mark.parametrize("name", FAMILY)
def test_a_text_comes_back_from_its_job(name: str) -> None:
    dialect = find_dialect(name)

    @EXAMPLES
    @given(jobs(dialect))
    def holds(job: Job) -> None:
        text = write_infotext(upgrade_job(job, dialect), dialect)
        assert write_infotext(read_infotext(text, dialect)[0], dialect) == text
        assert write_infotext(read(text, dialect), dialect) == text

    holds()


@settings(EXAMPLES, max_examples=250)
@given(jobs(), st.sampled_from(sorted(EDITS)))
def test_changing_one_value_changes_one_field(job: Job, path: str) -> None:
    dialect = find_dialect("a1111")
    text = write_infotext(upgrade_job(job, dialect), dialect)
    before = read(text, dialect)
    if not has_part(before, path) or (path == "sampling.sampler" and before.producer.version in DEPENDENT):
        return
    after = before.replace({path: EDITS[path]})
    changed = write_infotext(after, dialect)
    assert read(changed, dialect) == after
    assert len(differing_keys(text, changed, dialect)) <= 1


def has_part(job: Job, path: str) -> bool:
    """Is the stage or the task there whose value is edited?"""
    part, _, rest = path.partition(".")
    if part == "stages":
        return any(stage.kind == rest.partition(".")[0] for stage in job.stages)
    return part != "task" or job.task.kind != "text_to_image"


def differing_keys(text: str, other: str, dialect: Dialect) -> set[str]:
    before, after = (Counter((pair.key, pair.raw) for pair in scan(one, dialect).pairs) for one in (text, other))
    return {key for key, _ in (before - after) | (after - before)}


@EXAMPLES
@given(st.data())
def test_a_text_of_any_signs_is_read_and_comes_back(data: st.DataObject) -> None:
    dialect = find_dialect(data.draw(st.sampled_from(FAMILY)))
    piece = st.one_of(
        st.sampled_from(
            ("Steps: 20", "Sampler: Euler a", "Seed: 1", "Size: 512x512", "Negative prompt: ", "\n", ", ", ",", ":")
        ),
        st.sampled_from(
            ('ControlNet 0: "Module: x"', "Hires upscale: 2", "ADetailer model: y", '"', "Lora hashes: ", "{", "[")
        ),
        st.text(max_size=6),
    )
    text = "".join(data.draw(st.lists(piece, max_size=14)))
    job = read_infotext(text, dialect)[0]
    assert write_infotext(job, dialect).strip() == text.strip() or not job.ledger


def _count(job: Job) -> None:
    SEEN.update({path.replace("[1]", "") for path, _ in leaves(job)})


SEEN: Counter[str] = Counter()


def test_the_jobs_have_everything_that_can_be_said() -> None:
    SEEN.clear()
    few = settings(EXAMPLES, max_examples=CENSUS // ROUNDS, phases=[Phase.generate])
    for start in range(ROUNDS):
        seed(start)(few(given(jobs())(_count)))()
    rare = {path for path in possible_paths() if SEEN[path] < RARE}
    assert rare == set()


def possible_paths() -> set[str]:
    from tests.unit.ir.test_features import all_paths

    return {
        path
        for path in all_paths()
        if path not in ELSEWHERE
        and not path.startswith(
            ("stages.further.", "stages.hires.resampling", "patches.reference.", "patches.prompt_area.")
        )  # of graphs
        and not (path.rsplit(".", 1)[-1] in OF_FILES and path.rsplit(".", 2)[-2] in ("checkpoint", "vae", "model"))
    }


Texts: TypeAlias = list[tuple[str, Dialect, Job]]


@pytest.fixture(scope="module")
def corpus_jobs(corpus_texts: list[dict[str, object]]) -> Texts:
    """The real texts with the job that each says."""
    texts = [(str(record["text"]), dialect_of(str(record["text"]))) for record in corpus_texts]
    return [(text, dialect, read(text, dialect)) for text, dialect in texts]


def dialect_of(text: str) -> Dialect:
    try:
        dialect = find_dialect(sniff(text)[0])
    except ReadError:
        return find_dialect("a1111")
    return dialect if dialect.engine == "infotext" else find_dialect("a1111")


def test_real_texts_come_back_byte_for_byte(corpus_jobs: Texts) -> None:
    assert [text for text, dialect, job in corpus_jobs if write_infotext(job, dialect) != text] == []


def test_jobs_of_real_texts_come_back_from_texts_written_anew(corpus_jobs: Texts) -> None:
    for text, dialect, job in corpus_jobs:
        bare = job.model_copy(update={"ledger": ()})
        assert read(write_infotext(bare, dialect), dialect) == bare, text


def test_edits_of_real_texts_come_back(corpus_jobs: Texts) -> None:
    for index, (text, dialect, job) in enumerate(corpus_jobs):
        path = ("sampling.steps", "sampling.sampler", "size", "text.layer", "producer.user")[index % 5]
        after = job.replace({path: EDITS[path]})
        if any(stated.key for stated in job.ledger):
            assert read(write_infotext(after, dialect), dialect) == after, text


def test_real_texts_leave_no_value_open_that_changes_the_image(corpus_jobs: Texts) -> None:
    for text, _, job in corpus_jobs:
        sampling = job.sampling
        values = (
            sampling.sampler,
            sampling.schedule,
            sampling.steps,
            sampling.cfg_scale,
            job.noise.generator,
            job.size,
        )
        assert job.task.kind == "enlarge" or None not in values, text
