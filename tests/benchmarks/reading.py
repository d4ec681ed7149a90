"""What reading costs: mean CPU time per corpus text, growth with length, and hostile input.

python tests/benchmarks/reading.py CORPUS     (CORPUS: the folder of real texts)
"""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from time import process_time

import paramc
from paramc.dialects.infotext import scan
from paramc.dialects.prompt import expand, weigh
from paramc.dialects.registry import find_dialect

A1111 = find_dialect("a1111")
MICRO = 1e6


def mean(action: Callable[[str], object], texts: Iterable[str], rounds: int = 3) -> float:
    """Best mean seconds per text over `rounds` passes, after a first pass that warms up."""
    listed = list(texts)
    best = float("inf")
    for _ in range(rounds + 1):
        start = process_time()
        for text in listed:
            action(text)
        best = min(best, (process_time() - start) / len(listed))
    return best


def hostile() -> dict[str, str]:
    """Texts that break naive readers, of 10,000 characters and more."""
    settings = "\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512"
    return {
        **{f"10,000 {bracket}": bracket * 10_000 for bracket in "([{<)]"},
        "[a: x 2,000": "[a:" * 2_000,
        "| x 5,000": "|" * 5_000,
        "10,000 commas": "a\n" + "," * 10_000,
        "10,000 colons": "a\n" + "ab:" * 3_333,
        '10,000 "': "a" + settings + ', X: "' + '"' * 10_000,
        "10,000 { as a value": "a" + settings + ", X: " + "{" * 10_000,
        "100 KB of brackets": "".join("([{)]}:|"[(i * 7919 + i // 13) % 8] for i in range(100_000)),
        "1 MB of text": "word " * 200_000 + settings,
        "one value of 1 MB": "a" + settings + ", X: " + "v" * 1_000_000,
        "one quoted value of 1 MB": "a" + settings + ', X: "' + "v, " * 333_333 + '"',
    }


def main(corpus: Path) -> None:
    """Print every figure."""
    records = [json.loads(line) for line in (corpus / "infotext.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = [record["text"] for record in records]
    prompts = [record["a1111"][key] for record in records for key in ("Prompt", "Negative prompt")]
    print(f"weights           {mean(lambda text: weigh(text, A1111), prompts) * MICRO:8.0f} µs a prompt")
    print(f"edits             {mean(lambda text: expand(text, A1111, 20), prompts) * MICRO:8.0f} µs a prompt")
    print(f"scan              {mean(lambda text: scan(text, A1111, strict=False), texts) * MICRO:8.0f} µs a text")
    print(f"fields, the UI's  {mean(paramc.fields, texts) * MICRO:8.0f} µs a text")
    print(f"Job               {mean(paramc.parse, texts) * MICRO:8.0f} µs a text")
    sample = "(masterpiece:1.2), [cat:dog:0.5], soft light, a\\(b\\), ((old)) house, "
    for name, action in (("weights", lambda text: weigh(text, A1111)), ("edits", lambda text: expand(text, A1111, 20))):
        short, long = ((sample * 40)[:length] for length in (400, 1600))
        print(f"growth {name:8} {mean(action, [long] * 50) / mean(action, [short] * 50):8.2f} t(1,600) / t(400)")
    for name, text in hostile().items():
        start = process_time()
        paramc.lower(paramc.parse(text))
        print(f"{name:24} {(process_time() - start) * 1000:8.0f} ms to the Plan")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
