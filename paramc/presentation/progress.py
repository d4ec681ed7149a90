"""One line that tells how far a long work is: bar, count, rate, time left."""

from collections.abc import Callable
from time import monotonic

from paramc.presentation.console import Screen

BAR = 24  # cells
PAUSE = 0.2  # seconds between two lines: more often nobody can read


class Progress:
    """Draws over its own line whenever enough time has passed; `total` is None where nobody knows it."""

    def __init__(
        self, total: int | None, screen: Screen, notify: Callable[[str], None], clock: Callable[[], float] = monotonic
    ) -> None:
        self._total, self._columns, self._notify, self._clock = total, screen.columns or 80, notify, clock
        self._done = 0
        self._start = self._last = clock()
        self._doing = ""

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        self._doing = ""
        self._draw()

    def tell(self, doing: str) -> None:
        """Say what is in hand; it stands behind the line until the next is done."""
        self._doing = f" · {doing}"
        self._draw()

    def end(self) -> None:
        """Clear the line."""
        self._notify("\r\x1b[K")

    def line(self, now: float) -> str:
        """The line at a time of the clock."""
        passed = max(now - self._start, 1e-9)
        rate = self._done / passed
        if self._total is None:
            return f"{self._done:,} files · {rate:,.0f}/s"
        share = min(self._done / max(self._total, 1), 1.0)
        left = _clock((self._total - self._done) / rate) if self._done else "?"
        return f"{bar(share)} {self._done:,} of {self._total:,} · {_pace(rate)} · {left} left{self._doing}"

    def _draw(self) -> None:
        now = self._clock()
        if now - self._last >= PAUSE:
            self._last = now
            self._notify(f"\r{self.line(now)[: self._columns - 1]}\x1b[K")


def bar(share: float) -> str:
    """A bar that is full at a share of 1; what lies beyond either end is drawn as that end."""
    full = round(min(max(share, 0.0), 1.0) * BAR)
    return f"[{'█' * full}{'·' * (BAR - full)}]"


def _pace(rate: float) -> str:
    """So many a second, or so many seconds for one."""
    return f"{1 / rate:.1f} s each" if 0 < rate < 1 else f"{rate:,.0f}/s"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
