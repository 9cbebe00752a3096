"""The circuit breaker around Redis. Webhooks never wait at it: when it is not closed, Redis is passed by.

What finds out that Redis is back is a ping beside the road, not a webhook.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import Gauge

from agents.breaker import Breaker, Permit
from agents.clock import Clock
from agents.errors import Reject, Retry, Trip
from app.metrics.labels import CIRCUIT_STATES

log = structlog.get_logger()

FAILURES = 3
"""Requests in a row without an answer. Each may have cost some webhooks the whole timeout."""
RESET_MIN, RESET_MAX = 0.5, 10.0


class Circuit:
    """Whether Redis may be asked, and why not."""

    def __init__(self, ping: Callable[[], Awaitable[None]], clock: Clock, gauge: Gauge) -> None:
        """Take what probes Redis (raises Retry, Trip or Reject) and the gauge that shows the state."""
        self._ping = ping
        self._clock = clock
        self._gauge = gauge
        self._breaker = Breaker(FAILURES, RESET_MIN, RESET_MAX)
        self._told = self._breaker.state
        self._why = ""
        self._mending: asyncio.Task[None] | None = None
        gauge.set(CIRCUIT_STATES[self._told])

    @property
    def closed(self) -> bool:
        """Whether Redis may be asked."""
        return self._breaker.state == "closed"

    @property
    def trouble(self) -> str | None:
        """Why Redis is passed by; None while it is not."""
        return None if self.closed else self._why

    def ask(self) -> Permit | None:
        """Return leave for one request. It is given back by `answered` or `failed`."""
        return self._breaker.ask(self._clock.monotonic()) if self.closed else None

    def answered(self, permit: Permit) -> None:
        """Note an answer."""
        self._breaker.succeeded(permit)

    def failed(self, permit: Permit, error: Retry | Reject) -> None:
        """Note that there was none, or one that helps nobody."""
        self._note(permit, error, at_once=isinstance(error, Trip))

    async def check(self) -> None:
        """Ping once; without an answer the circuit opens at once."""
        permit = self.ask()
        if permit is not None:
            await self._probe(permit, at_once=True)

    def close(self) -> None:
        """Stop probing."""
        if self._mending is not None:
            self._mending.cancel()

    async def _mend(self) -> None:
        while not self.closed:
            await self._clock.sleep(self._breaker.wait(self._clock.monotonic()) or 0.0)
            permit = self._breaker.ask(self._clock.monotonic())
            if permit is not None:
                self._tell()
                await self._probe(permit)
        self._mending = None

    async def _probe(self, permit: Permit, *, at_once: bool = False) -> None:
        try:
            await self._ping()
        except (Retry, Reject) as error:
            self._note(permit, error, at_once=at_once)
        else:
            self._breaker.succeeded(permit)
            self._tell()

    def _note(self, permit: Permit, error: Retry | Reject, *, at_once: bool) -> None:
        self._why = error.detail
        now = self._clock.monotonic()
        if at_once:
            self._breaker.trip(permit, now)
        else:
            self._breaker.failed(permit, now)
        self._tell()
        if not self.closed and self._mending is None:
            self._mending = asyncio.create_task(self._mend())

    def _tell(self) -> None:
        state = self._breaker.state
        if state == self._told:
            return
        # One line when it goes and one when it is back, not two for each ping in between.
        if state == "closed":
            log.info("redis_back")
        elif self._told == "closed":
            log.warning("redis_passed_by", why=self._why)
        self._told = state
        self._gauge.set(CIRCUIT_STATES[state])
