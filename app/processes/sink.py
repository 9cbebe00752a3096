"""What the two sink workers have in common beyond `worker`: how their parts are made from settings."""

from __future__ import annotations

import random
from collections.abc import Callable

from agents.backoff import Backoff
from agents.breaker import Breaker
from app.health.checks import READY, Check, Result
from app.settings import Settings


def new_breaker(settings: Settings) -> Breaker:
    """Return a closed breaker."""
    return Breaker(settings.breaker_failures, settings.breaker_reset_min, settings.breaker_reset_max)


def new_backoff() -> Backoff:
    """Return a retry schedule of this process's own."""
    return Backoff(random.random)


def breaker_check(name: str, available: Callable[[], bool]) -> Check:
    """Return the readiness check of a sink: degraded while its breaker is not closed."""

    def check() -> Result:
        if available():
            return READY
        return Result("degraded", f"the circuit breaker to {name} is open; the backlog waits in Kafka")

    return check
