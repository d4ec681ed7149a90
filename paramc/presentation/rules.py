"""The table of the lints, for the screen and for the manual; made from the tables that they run by."""

from paramc.diagnostics.codes import codes
from paramc.passes.lint.tables import Rule, lint_rules
from paramc.presentation.findings import cell

HEAD = ("rule", "code", "severity", "message", "models", "limits", "source")


def rule_rows() -> tuple[tuple[str, ...], ...]:
    """One row for each lint, in the order in which they run."""
    rows = codes()
    return tuple(
        (name, rule.code, rows[rule.code].severity, rows[rule.code].message, _models(rule), _limits(rule), rule.source)
        for name, rule in lint_rules().items()
    )


def rules_markdown() -> str:
    """The same as a Markdown table."""
    lines = (f"| {' | '.join(map(cell, row))} |" for row in rule_rows())
    return "".join(f"{line}\n" for line in (f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|", *lines))


def _models(rule: Rule) -> str:
    return ", ".join((*rule.bases, *rule.families)) or "all"


def _limits(rule: Rule) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in rule.limits.items())
