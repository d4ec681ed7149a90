"""The conformance kit: tests that run over every folder of `grammars/` and `targets/`, and the toys it brings."""

from pathlib import Path

TOY_GRAMMARS = Path(__file__).parent / "toys" / "grammars"
TOY_TARGETS = Path(__file__).parent / "toys" / "targets"
