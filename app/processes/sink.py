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


def breaker_check(trouble: Callable[[], str | None]) -> Check:
    """Return the readiness check of a sink: degraded, with the reason, while its breaker is not closed."""

    def check() -> Result:
        reason = trouble()
        return READY if reason is None else Result("degraded", f"{reason} The backlog waits in Kafka.")

    return check
