"""Few log lines about much: whoever can make us log a line a request can fill a disk."""

from __future__ import annotations

from agents.clock import Clock

SECONDS = 1.0


class LogLimit:
    """One line a second for each kind. Kinds are a bounded set of labels."""

    def __init__(self, clock: Clock, seconds: float = SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        self._last: dict[str, float] = {}
        self._unlogged: dict[str, int] = {}

    def unlogged(self, kind: str) -> int | None:
        """Return None when `kind` is not to be logged now, else how many of it were not since the last."""
        now = self._clock.monotonic()
        last = self._last.get(kind)
        if last is not None and now - last < self._seconds:
            self._unlogged[kind] = self._unlogged.get(kind, 0) + 1
            return None
        self._last[kind] = now
        return self._unlogged.pop(kind, 0)
