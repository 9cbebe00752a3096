"""When to try again.

The schedule alone, as a function. The retry libraries (stamina, tenacity) wrap a call and raise when they
have had enough; ours never has enough, its wait belongs to the circuit breaker's as well, and a batch may
be cut in two between two attempts. So only the arithmetic is left, and that is these few lines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FAR = 64
"""Doublings beyond which a delay is at its ceiling whatever the base; keeps the power finite."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential, jittered delays in seconds.

    `random` gives a number in [0, 1). Half of a delay is random ("equal jitter"), so workers that failed
    together do not come back together, and none comes back at once.
    """

    random: Callable[[], float]
    base: float = 0.1
    ceiling: float = 30.0
    longest_request: float = 300.0

    def delay(self, failures: int, after: float | None = None) -> float:
        """Return the seconds to wait after `failures` failures in a row (1 or more).

        `after` is what the other side asked for (Retry-After, RFC 9110 §10.2.3). It is honoured up to
        `longest_request`, for a header that says a week must not stop billing for a week. Up to a
        tenth is put on top, never taken off.
        """
        full = min(self.ceiling, self.base * 2.0 ** min(max(failures, 1) - 1, FAR))
        jittered = full * (0.5 + 0.5 * self.random())
        if after is None:
            return jittered
        asked = min(max(after, 0.0), self.longest_request)
        return max(jittered, asked * (1.0 + 0.1 * self.random()))
