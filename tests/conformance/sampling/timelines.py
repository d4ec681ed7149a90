"""Prompt editing for the few prompts of the recordings: which text each evaluation sees."""

import re

INNERMOST = re.compile(r"\[([^\[\]]*)\]")


def timeline(text: str, steps: int, *, first_pass: int | None = None, old: bool = False) -> list[tuple[int, str]]:
    """(last call, text) in order. first_pass: calls of the pass before, for a second one."""
    base = first_pass if old and first_pass is not None else steps
    ends = {steps}

    def when(number: str) -> int:
        value = float(number)
        if old:
            value = value * base if value < 1 else value
        elif first_pass is not None:
            value = (value - 1) * steps if "." in number else value - first_pass
        else:
            value = value * steps if "." in number else value
        return min(steps, int(value))

    def shown(body: str, step: int) -> str:
        if "|" in body:
            options = body.split("|")
            ends.update(range(1, steps + 1))
            return options[(step - 1) % len(options)]
        *texts, number = body.split(":")
        end = when(number)
        ends.update({end} if end >= 1 else ())
        before, after = ("", *texts)[-2:]
        return before if step <= end else after

    def at(step: int) -> str:
        current = text
        while match := INNERMOST.search(current):
            current = current[: match.start()] + shown(match[1], step) + current[match.end() :]
        return current

    at(1), at(steps)
    return [(end, at(end)) for end in sorted(ends)]


def branches(text: str) -> list[tuple[str, float]]:
    """AND-parts with their weights."""
    parts = []
    for part in re.split(r"\bAND\b", text):
        match = re.fullmatch(r"(.*?)\s*:\s*([-+]?(?:\d+\.?|\d*\.\d+))\s*", part, re.DOTALL)
        parts.append((match[1], float(match[2])) if match else (part.rstrip(), 1.0))
    return parts
