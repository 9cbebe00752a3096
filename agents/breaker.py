"""The circuit breaker: whether a sink may be asked now.

A state machine without a clock, a lock or a task; the monotonic time is an argument of every method, and
`tests/property/test_breaker.py` holds it against a model. Why not purgatory, aiobreaker or pybreaker
(read in 3.0.1, 1.2.0 and 1.4.1): they wrap one call and raise while open, where our consumer has to wait
and keep its messages; they read the wall clock; purgatory lets any number of calls through when half
open; and none tells a late answer to a call from before the trouble from the answer to the canary.

    closed ──`failures` in a row, or trip──▶ open ──reset time over──▶ half_open ──answered──▶ closed
                                              ▲                           │
                                              └──failed: twice as long────┘
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call. `canary` means that all depends on it: send something small.

    `era` counts the breaker's changes of state: an answer to a call of an earlier era says nothing about
    the present one, and is not counted.
    """

    era: int
    canary: bool


class Breaker:
    """Opens after `failures` in a row for `reset_min` seconds; a failed canary doubles that, to `reset_max`.

    Each permit is given back once: `succeeded`, `failed`, `trip` or `returned`.
    """

    def __init__(self, failures: int, reset_min: float, reset_max: float) -> None:
        if failures < 1 or reset_min <= 0 or reset_max < reset_min:
            raise ValueError("a breaker needs failures >= 1 and 0 < reset_min <= reset_max")
        self._limit = failures
        self._reset_min = reset_min
        self._reset_max = reset_max
        self._state: State = "closed"
        self._era = 0
        self._failures = 0
        self._reset = reset_min
        self._probe_at = 0.0
        self._canary_out = False

    @property
    def state(self) -> State:
        """The state as of the last call; an open breaker stays `open` until somebody asks."""
        return self._state

    def ask(self, now: float) -> Permit | None:
        """Return leave to make one call, or None. When half open, one call at a time has it."""
        if self._state == "closed":
            return Permit(self._era, canary=False)
        if self._state == "open":
            if now < self._probe_at:
                return None
            self._become("half_open")
        if self._canary_out:
            return None
        self._canary_out = True
        return Permit(self._era, canary=True)

    def wait(self, now: float) -> float | None:
        """Return the seconds until `ask` can say yes; None while that depends on the canary's answer."""
        if self._state == "open":
            return max(0.0, self._probe_at - now)
        return None if self._canary_out else 0.0

    def succeeded(self, permit: Permit) -> None:
        """Note an answer, be it a refusal of what was sent: whoever refuses is there."""
        if permit.era != self._era:
            return
        self._failures = 0
        if self._state == "half_open":
            self._reset = self._reset_min
            self._become("closed")

    def failed(self, permit: Permit, now: float, after: float | None = None) -> None:
        """Note that there was no answer, or one that said "later" (`after` seconds, if it said when)."""
        if permit.era != self._era:
            return
        self._failures += 1
        if self._state == "half_open":
            self._reset = min(self._reset * 2, self._reset_max)
            self._open(now, after)
        elif self._failures >= self._limit:
            self._open(now, after)

    def trip(self, permit: Permit, now: float) -> None:
        """Note that the other side refuses everything: open at once."""
        if permit.era == self._era:
            self._failures = self._limit
            self.failed(permit, now)

    def returned(self, permit: Permit) -> None:
        """Take back a permit whose call was not made, or told nothing: another may have it."""
        if permit.era == self._era:
            self._canary_out = False

    def _open(self, now: float, after: float | None) -> None:
        self._become("open")
        self._probe_at = now + max(self._reset, after or 0.0)

    def _become(self, state: State) -> None:
        self._state = state
        self._era += 1
        self._failures = 0
        self._canary_out = False
