"""Bringing messages to a sink, whatever it says: what the OpenMeter sink and the NATS sink share.

Each answer has one cure, and here they stand, once:

    accepted     settle
    Reject       cut the batch in two until the offender is alone, bury that, settle it
    Retry        tell the breaker, wait, send the same again
    Trip         open the breaker, bury nothing, wait, send the same again
    (abandoned)  drop it: its partition has another owner now, who reads it again
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from agents.backoff import Backoff
from agents.breaker import Permit
from agents.clock import Clock
from agents.errors import Reject, Retry
from agents.gate import Gate
from agents.protocols import DeadLetters, Held, Observer

log = structlog.get_logger()

Send = Callable[[Sequence[Held]], Awaitable[str]]
"""Sends messages as one; returns the outcome to count them as (accepted, duplicate). Raises Reject, Retry."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Messages that travel together, and how they have fared so far."""

    held: Sequence[Held]
    attempts: int = 0
    failures: int = 0


class Delivery:
    """Takes messages to one sink through its gate. Nothing leaves here unsettled but what was abandoned."""

    def __init__(
        self,
        stage: str,
        gate: Gate,
        dead_letters: DeadLetters,
        clock: Clock,
        observer: Observer,
        *,
        backoff: Backoff,
    ) -> None:
        """Deliver for the sink called `stage`, the name under which dead letters are filed."""
        self._stage = stage
        self._gate = gate
        self._dead_letters = dead_letters
        self._clock = clock
        self._observer = observer
        self._backoff = backoff

    async def deliver(self, held: Sequence[Held], send: Send) -> None:
        """Send `held` until each is settled or abandoned. Raises Stop when too much must be buried."""
        parts = deque([_Part(held)])
        while parts:
            part = _still_ours(parts.popleft())
            if not part.held:
                continue
            permit = await self._gate.enter()
            try:
                parts.extendleft(reversed(await self._try(permit, _still_ours(part), send)))
            finally:
                self._gate.returned(permit)  # has no effect on one that was answered

    async def bury(self, held: Held, why: Reject, attempts: int) -> None:
        """Dead-letter one message and settle it. Raises Stop when that is one too many."""
        failures = 0
        while not held.abandoned:
            try:
                await self._dead_letters.bury(
                    held.message, stage=self._stage, reason=why.reason, detail=why.detail, attempts=attempts
                )
            except Retry as error:
                failures += 1
                log.warning("dead_letter_not_kept", sink=self._stage, attempt=failures, why=error.detail)
                await self._clock.sleep(self._backoff.delay(failures, error.after))
            else:
                self._observer.sent("rejected", 1)
                held.settle()
                return

    async def _try(self, permit: Permit, part: _Part, send: Send) -> list[_Part]:
        """Make one attempt; return the parts that are still to be sent, in order."""
        if not part.held:
            return []
        if permit.canary and len(part.held) > 1:  # the sink may still be ill: risk one message, not a batch
            rest = [_Part(part.held[1:], part.attempts, part.failures)]
            part = _Part(part.held[:1], part.attempts, part.failures)
        else:
            rest = []
        try:
            outcome = await send(part.held)
        except Reject as error:
            self._gate.succeeded(permit)
            return [*await self._refused(part, error), *rest]
        except Retry as error:
            return [await self._put_off(permit, part, error), *rest]
        self._gate.succeeded(permit)
        self._observer.sent(outcome, len(part.held))
        self._dead_letters.passed(len(part.held))
        for held in part.held:
            held.settle()
            self._observer.delivered(held.message)
        return rest

    async def _refused(self, part: _Part, why: Reject) -> list[_Part]:
        if len(part.held) > 1:
            middle = len(part.held) // 2
            return [_Part(half, part.attempts + 1) for half in (part.held[:middle], part.held[middle:])]
        await self.bury(part.held[0], why, part.attempts + 1)
        return []

    async def _put_off(self, permit: Permit, part: _Part, error: Retry) -> _Part:
        failures = part.failures + 1
        delay = self._backoff.delay(failures, error.after)
        self._observer.sent("retried", len(part.held))
        self._gate.failed(permit, error, delay if error.after is not None else None)
        log.info("sink_retries", sink=self._stage, size=len(part.held), failures=failures, why=error.detail)
        if self._gate.closed:  # otherwise the gate knows better how long to wait
            await self._clock.sleep(delay)
        return _Part(part.held, part.attempts + 1, failures)


def _still_ours(part: _Part) -> _Part:
    if any(held.abandoned for held in part.held):
        return _Part([held for held in part.held if not held.abandoned], part.attempts, part.failures)
    return part
