"""A Job on one screen."""

from paramc.ir.job import Job
from paramc.ir.ledger import Stated
from paramc.presentation.job import MOST_RAW, describe


def told(raw: str) -> str:
    return dict(describe(Job(ledger=(Stated(key="graph", raw=raw),))))["unknown"]


def test_what_is_not_understood_is_shown_as_it_is_written() -> None:
    assert told('{"1": 2}') == 'graph: {"1": 2}'


def test_a_whole_graph_that_is_not_understood_is_cut_off() -> None:
    assert told("x" * 20_000) == f"graph: {'x' * MOST_RAW}… (20,000 characters)"
