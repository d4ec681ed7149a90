"""The Job as a value: equal when it means the same, and the same after JSON."""

from paramc import Job, Span
from paramc.ir.family import Family
from paramc.ir.ledger import Implied, Stated
from paramc.ir.sampling import Noise, Sampling
from paramc.ir.stages import Hires, ImageToImage, Refiner


def test_provenance_is_no_part_of_equality() -> None:
    told = Job(
        sampling=Sampling(steps=20),
        family=Family(name="sd1", base="sd1"),
        ledger=(Stated(key="Steps", raw="20", span=Span(0, 9), paths=("sampling.steps",), read=("20",)),),
        implied=(Implied(path="sampling.cfg_scale", read="7", because="default"),),
    )
    assert told == Job(sampling=Sampling(steps=20))
    assert hash(told) == hash(Job(sampling=Sampling(steps=20)))


def test_another_value_is_another_job() -> None:
    assert Job(sampling=Sampling(steps=20)) != Job(sampling=Sampling(steps=21))


def test_json_and_back_is_the_same_job() -> None:
    job = Job(
        task=ImageToImage(strength=0.4),
        noise=Noise(seed=2**64 - 1),
        stages=(Hires(scale=1.5), Refiner(switch_at=0.7)),
        ledger=(Stated(key="", raw="a cat", span=Span(0, 5), paths=("prompt",)),),
    )
    again = Job.model_validate_json(job.model_dump_json())
    assert again == job
    assert again.ledger == job.ledger


def test_json_names_its_schema() -> None:
    assert Job().model_dump_json().startswith('{"schema":1,')


def test_origin_tells_stated_from_implied_and_default() -> None:
    job = Job(
        ledger=(Stated(key="Steps", raw="20", paths=("sampling.steps",)),),
        implied=(Implied(path="noise.generator", read="'cuda'", because="A1111 draws on the card"),),
    )
    assert job.origin("sampling.steps") == "stated"
    assert job.origin("noise.generator") == "implied: A1111 draws on the card"
    assert job.origin("sampling.eta") == "default"
