"""Plain JSON from a table of keys."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from paramc.backends import payload
from paramc.backends.description import Target
from paramc.backends.registry import find_target
from paramc.backends.report import File, Report
from paramc.ir.assets import AssetRef, Assets
from paramc.ir.geometry import Size
from paramc.ir.job import Job, Text
from paramc.ir.plan import Plan
from paramc.ir.prompt import Prompt
from paramc.ir.sampling import Noise, Sampling
from paramc.ir.stages import Hires
from paramc.tables import TableError
from tests.properties.strategies import jobs

JOB = Job(
    prompt=Prompt(text="a cat"),
    size=Size(512, 768),
    sampling=Sampling(sampler="dpmpp_2m", steps=20, cfg_scale=7.0),
    noise=Noise(seed=42),
    text=Text(layer=-2),
    stages=(Hires(scale=2.0),),
)
PLAN = Plan(family="sd1", base="sd1", ops=())
NO_REPORT = Report("", ())


@pytest.fixture
def write(tmp_path: Path):
    """The JSON that a table of keys makes of the job."""

    def written(keys: str, job: Job = JOB, **choices: str) -> dict[str, object]:
        (tmp_path / "target.toml").write_text('title = "toy"\nengine = "payload"\nsuffix = ".json"\n')
        (tmp_path / "payload.toml").write_text(keys)
        payload.read_payload.cache_clear()
        (file,) = payload.emit(job, PLAN, Target("toy", tmp_path), choices, NO_REPORT)
        assert file.name == "toy.json"
        return json.loads(file.text)

    return written


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ('key = "prompt.text"', "a cat"),
        ('key = "sampling.steps"', 20),
        ('key = "size"', [512, 768]),
        ('key = { path = "size", item = 1 }', 768),
        ('key = { path = "text.layer", times = -1 }', 2),
        ('key = { path = "sampling.cfg_scale", times = 0.5 }', 3.5),
        ('key = { path = "sampling.sampler", names = "samplers" }', "DPM++ 2M"),
        ('key = { path = "assets.vae.name", default = "none" }', "none"),
        ("key = { value = 3 }", 3),
        ('key = { value = true, when = "stages.hires" }', True),
        ('key = { option = "quality" }', "high"),
    ],
)
def test_a_row_gives_a_value(write, row: str, value: object) -> None:
    keys = f'[names.samplers]\ndpmpp_2m = "DPM++ 2M"\n[keys]\n{row}\n'
    assert write(keys, quality="high") == {"key": value}


@pytest.mark.parametrize(
    "row", ['key = "assets.vae.name"', 'key = { value = 1, when = "stages.refiner" }', 'key = "noise.variation"']
)
def test_what_is_unset_is_left_out(write, row: str) -> None:
    assert write(f"[keys]\n{row}\n") == {}


def test_a_name_that_no_table_has_takes_the_stars(write) -> None:
    row = 'key = { path = "sampling.sampler", names = "samplers" }'
    table = f'[names.samplers]\neuler = "Euler"\n"*" = "other"\n[keys]\n{row}\n'
    assert write(table) == {"key": "other"}
    assert write(table.replace('"*" = "other"\n', "")) == {}


def test_dots_nest(write) -> None:
    keys = '[keys]\n"a.b" = "noise.seed"\n"a.c.d" = "sampling.steps"\ne = "prompt.text"\n'
    assert write(keys) == {"a": {"b": 42, "c": {"d": 20}}, "e": "a cat"}


def test_keys_keep_the_tables_order(write) -> None:
    assert list(write('[keys]\nz = "noise.seed"\na = "sampling.steps"\n')) == ["z", "a"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('[keys]\nkey = { path = "prompt.text", names = "samplers" }', "no table of names `samplers`"),
        ('[keys]\na = "prompt.text"\n"a.b" = "prompt.text"', "keys.a holds a value and other keys too"),
        ('[keys]\nkey = { pth = "prompt.text" }', "did you mean `path`"),
        ('whole = "plan"', "`whole` is `job` or absent"),
    ],
)
def test_a_malformed_table_is_refused(write, table: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        write(table)


JSON = find_target("json")


@pytest.mark.parametrize(
    "job",
    [
        Job(),
        JOB,
        Job(prompt=Prompt(text='"\\\n\u202e {{ x }} \ud800 é')),
        Job(assets=Assets(vae=AssetRef(name="x.safetensors"))),
        Job(sampling=Sampling(cfg_scale=float("nan"), eta=float("inf"))),
    ],
)
def test_the_whole_job_comes_back(job: Job) -> None:
    files = payload.emit(job, PLAN, JSON, {}, NO_REPORT)
    assert payload.verify(job, JSON, files) == ()
    assert repr(Job.model_validate(json.loads(files[0].text))) == repr(job)


def test_the_file_is_readable_text() -> None:
    (file,) = payload.emit(Job(prompt=Prompt(text="猫")), PLAN, JSON, {}, NO_REPORT)
    assert '"text": "猫"' in file.text
    assert file.text.endswith("}\n")


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "it is no JSON"), ('{"schema": 1}', "it is another Job when read back")],
)
def test_a_file_that_is_not_the_job_fails_its_check(text: str, problem: str) -> None:
    (diagnostic,) = payload.verify(JOB, JSON, (File("job.json", text),))
    assert diagnostic.code == "PC790"
    assert problem in diagnostic.message


@settings(max_examples=50)
@given(job=jobs())
def test_a_job_on_one_line_is_the_whole_job(job: Job) -> None:
    text = payload.compact(job)
    assert "\n" not in text
    assert Job.model_validate(json.loads(text)) == job


def test_a_job_on_one_line_says_no_defaults() -> None:
    assert payload.compact(Job(noise=Noise(seed=42))) == '{"schema": 1, "noise": {"seed": 42}}'
