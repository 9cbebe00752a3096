"""The circuit breaker as tasks meet it: they wait here until the sink may be asked."""

from __future__ import annotations

import asyncio

import structlog

from agents.breaker import Breaker, Permit
from agents.clock import Clock
from agents.errors import Retry, Trip
from agents.protocols import Observer
from agents.waiting import Pulse

log = structlog.get_logger()


class Gate:
    """Lets calls through as the breaker allows, first come first served, and tells it how they ended."""

    def __init__(self, stage: str, breaker: Breaker, clock: Clock, observer: Observer) -> None:
        """Guard the sink called `stage`."""
        self._stage = stage
        self._breaker = breaker
        self._clock = clock
        self._observer = observer
        self._queue = asyncio.Lock()
        self._told = breaker.state
        self._trouble = ""
        self.changed = Pulse()
        """Beats when a call has ended or the state has changed."""
        observer.breaker(breaker.state)

    @property
    def trouble(self) -> str | None:
        """Why calls do not flow, a sentence for /readyz; None while they do."""
        return None if self.closed else self._trouble

    @property
    def closed(self) -> bool:
        """Whether calls may flow: the breaker is closed."""
        return self._breaker.state == "closed"

    async def enter(self) -> Permit:
        """Wait for leave to make one call. Each permit is answered once, by one of the methods below."""
        async with self._queue:
            while True:
                permit = self._breaker.ask(self._clock.monotonic())
                if permit is not None:
                    self._tell("asked")
                    return permit
                seconds = self._breaker.wait(self._clock.monotonic())
                if seconds is None:
                    await self.changed.wait()
                else:
                    await self._clock.sleep(seconds)

    def succeeded(self, permit: Permit) -> None:
        """Note that the sink answered."""
        self._breaker.succeeded(permit)
        self._tell("answered")

    def failed(self, permit: Permit, error: Retry, after: float | None = None) -> None:
        """Note that it did not, or asked for a pause of `after` seconds, or (Trip) refuses everything."""
        now = self._clock.monotonic()
        self._trouble = error.detail
        if isinstance(error, Trip):
            self._breaker.trip(permit, now)
        else:
            self._breaker.failed(permit, now, after)
        self._tell(error.detail)

    def returned(self, permit: Permit) -> None:
        """Give back a permit that was not used."""
        self._breaker.returned(permit)
        self._tell("unused")

    def _tell(self, why: str) -> None:
        state = self._breaker.state
        if state != self._told:
            self._told = state
            self._observer.breaker(state)
            if state == "open":
                log.warning("breaker_changed", sink=self._stage, state=state, why=why)
            else:
                log.info("breaker_changed", sink=self._stage, state=state, why=why)
        self.changed.beat()
