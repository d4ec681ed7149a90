"""What every folder of `targets/` must keep, the toys of these tests included."""

from fnmatch import filter as fitting

import pytest

from paramc.backends.description import Target
from paramc.backends.registry import engine, find_target, targets
from paramc.diagnostics.codes import codes
from paramc.ir import plan
from paramc.ir.features import features
from paramc.resources import TARGETS
from tests.kit import TOY_TARGETS

ROOTS = (TARGETS, TOY_TARGETS)
OPS = {op.model_fields["op"].default for op in plan.Step.__subclasses__()}


@pytest.fixture(params=targets(ROOTS))
def target(request: pytest.FixtureRequest) -> Target:
    return find_target(request.param, ROOTS)


def test_every_feature_is_answered(target: Target) -> None:
    assert set(target.answers) == set(features())


def test_every_loss_has_a_code_and_a_reason(target: Target) -> None:
    answers = {**target.answers, **{f"rule {index}": rule.answer for index, rule in enumerate(target.rules)}}
    worse = {name: answer for name, answer in answers.items() if answer.grade in ("close", "approximate", "dropped")}
    assert {name for name, answer in worse.items() if answer.code not in codes() or not answer.why} == set()


def test_rules_speak_of_known_features(target: Target) -> None:
    assert [name for rule in target.rules for name in rule.features if not fitting(features(), name)] == []


def test_legal_ops_exist(target: Target) -> None:
    assert target.legal <= OPS


def test_defaults_of_options_are_among_their_choices(target: Target) -> None:
    assert [
        name for name, option in target.options.items() if option.choices and option.default not in option.choices
    ] == []


def test_options_say_what_they_are_for(target: Target) -> None:
    assert all(option.about for option in target.options.values())


def test_its_engine_exists(target: Target) -> None:
    emit, verify = engine(target)
    assert callable(emit)
    assert callable(verify)
