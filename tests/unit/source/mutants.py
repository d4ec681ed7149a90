"""Files and texts with a few faults in them, and a watch over what is done with them."""

import random
import struct
import time
import tracemalloc
from collections.abc import Callable, Sequence

from paramc.source.model import FLOOR

MOST = 20  # times the input, beside a floor
SLACK = 4 * FLOOR
PATIENCE = 1.0  # seconds of processor time for one input
WATCHED = 8  # every so many inputs the memory is watched as well: that takes much longer


def mutated(chance: random.Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """One of the seeds with a few of its bytes, words, lengths or pieces changed."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(data) or 1)
        match chance.randrange(9):
            case 0:
                data[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                data[place:place] = chance.choice(words)
            case 2:
                word = chance.choice(words)
                data[place : place + len(word)] = word
            case 3:
                del data[place : place + chance.choice((1, 2, 4, 16, 300))]
            case 4:
                del data[place:]
            case 5:
                other = chance.choice(seeds)
                start = chance.randrange(len(other))
                data[place:place] = other[start : start + chance.randrange(2000)]
            case 6:
                data[place : place + 4] = struct.pack(
                    ">I", chance.choice((0, 1, 2**16, 2**31 - 1, 2**32 - 1, len(data)))
                )
            case 7:
                data[place:place] = data[place : place + chance.randrange(40)] * chance.choice((2, 50))
            case _:
                data[place : place + 4] = data[place : place + 4][::-1]
        data = data or bytearray(b"x")
    return bytes(data)


def faults(work: Callable[[bytes, int], None], mutants: Sequence[bytes] | Callable[[], bytes], count: int) -> list[str]:
    """What went wrong with `count` inputs, each worked on with its number."""
    wrong: list[str] = []
    for number in range(count):
        data = mutants() if callable(mutants) else mutants[number]
        watched = number % WATCHED == 0
        if watched:
            tracemalloc.start()
        start = time.process_time()
        try:
            work(data, number)
        except Exception as error:
            wrong.append(f"{number}: {type(error).__name__}: {error}: {data[:80]!r}")
        took = time.process_time() - start
        if watched:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            if peak > MOST * len(data) + SLACK:
                wrong.append(f"{number}: {peak} bytes for {len(data)}: {data[:80]!r}")
        if took > PATIENCE:
            wrong.append(f"{number}: {took:.1f} s for {len(data)} bytes: {data[:80]!r}")
    return wrong
