"""The table of the lints."""

from paramc.passes.lint.tables import lint_rules
from paramc.presentation.rules import HEAD, rule_rows, rules_markdown


def test_every_rule_has_a_row_with_its_source() -> None:
    rows = rule_rows()
    assert [row[0] for row in rows] == list(lint_rules())
    assert all(len(row) == len(HEAD) and row[1].startswith("PC4") and row[-1] for row in rows)


def test_the_manual_has_the_same_rows() -> None:
    lines = rules_markdown().splitlines()
    assert len(lines) == len(rule_rows()) + 2
    assert {line.count("|") - line.count("\\|") for line in lines} == {len(HEAD) + 1}
