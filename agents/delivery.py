"""Bringing messages to a sink, whatever it says: what the OpenMeter sink and the NATS sink share.

Each answer has one cure, and here they stand, once:

    accepted     settle
    Reject       cut the batch in two until the offender is alone, bury that, settle it
    Retry        tell the breaker, wait, send the same again; in halves when that has failed too often
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
from agents.journeys import Journeys
from agents.protocols import DeadLetters, Held, Observer
from agents.tracing import UNTRACED, Span, Tracer

log = structlog.get_logger()

Send = Callable[[Sequence[Held], Span], Awaitable[str]]
"""Sends messages as one, in the step that the span is; returns the outcome to count them as (accepted,
duplicate). Raises Reject, Retry."""

HALVE_AFTER = 5
"""Failures in a row after which a batch is cut in two. OpenMeter answers 500 for a whole batch when its own
Kafka refuses one event of it (a time too far in the future, say); the others must not wait for that one."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Messages that travel together, and how they have fared so far."""

    held: Sequence[Held]
    attempts: int = 0
    failures: int = 0

    def ours(self) -> _Part:
        """Return it without what has been abandoned."""
        return _Part([held for held in self.held if not held.abandoned], self.attempts, self.failures)

    def first_alone(self) -> tuple[_Part, list[_Part]]:
        """Return its first message, and the rest if there is one."""
        first, rest = self.held[:1], self.held[1:]
        return (
            _Part(first, self.attempts, self.failures),
            [_Part(rest, self.attempts, self.failures)] if rest else [],
        )

    def halves(self) -> list[_Part]:
        """Return it in two, after one more attempt, with a fresh count of failures."""
        middle = len(self.held) // 2
        return [_Part(half, self.attempts + 1) for half in (self.held[:middle], self.held[middle:])]


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
        tracer: Tracer = UNTRACED,
    ) -> None:
        """Deliver for the sink called `stage`, the name under which dead letters are filed."""
        self._stage = stage
        self._gate = gate
        self._dead_letters = dead_letters
        self._clock = clock
        self._observer = observer
        self._backoff = backoff
        self._journeys = Journeys(tracer, stage)

    async def deliver(self, held: Sequence[Held], send: Send) -> None:
        """Send `held` until each is settled or abandoned. Raises Stop when too much must be buried."""
        parts = deque([_Part(held)])
        self._journeys.begin(held)
        try:
            while parts:
                permit = await self._gate.enter()
                try:
                    # What failed goes behind the others, so the next canary is another message: one that
                    # always fails must not be the only one the sink is ever asked about.
                    parts.extend(await self._try(permit, parts.popleft().ours(), send))
                finally:
                    self._gate.returned(permit)  # has no effect on one that was answered
        finally:
            self._journeys.forget(held)

    async def bury(self, held: Held, why: Reject, attempts: int) -> None:
        """Dead-letter one message and settle it. Raises Stop when that is one too many."""
        failures = 0
        self._journeys.begin([held])
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
                self._journeys.end([held], "rejected", why.reason)
                return
        self._journeys.forget([held])

    async def _try(self, permit: Permit, part: _Part, send: Send) -> list[_Part]:
        """Make one attempt; return the parts that are still to be sent."""
        if not part.held:
            return []
        rest: list[_Part] = []
        if permit.canary:  # the sink may still be ill: risk one message, not a batch
            part, rest = part.first_alone()
        request = self._journeys.request(part.held)
        try:
            outcome = await send(part.held, request)
        except Reject as error:
            request.end("rejected")
            self._gate.succeeded(permit)
            return [*await self._refused(part, error), *rest]
        except Retry as error:
            request.end("retried")
            return [*rest, *await self._put_off(permit, part, error)]
        request.end()
        self._gate.succeeded(permit)
        self._observer.sent(outcome, len(part.held))
        self._dead_letters.passed(len(part.held))
        for held in part.held:
            held.settle()
            self._observer.delivered(held.message)
        self._journeys.end(part.held, outcome)
        return rest

    async def _refused(self, part: _Part, why: Reject) -> list[_Part]:
        if len(part.held) > 1:
            return part.halves()
        await self.bury(part.held[0], why, part.attempts + 1)
        return []

    async def _put_off(self, permit: Permit, part: _Part, error: Retry) -> list[_Part]:
        failures = part.failures + 1
        delay = self._backoff.delay(failures, error.after)
        self._observer.sent("retried", len(part.held))
        self._gate.failed(permit, error, delay if error.after is not None else None)
        log.debug("sink_retries", sink=self._stage, size=len(part.held), failures=failures, why=error.detail)
        if self._gate.closed:  # otherwise the gate knows better how long to wait
            await self._clock.sleep(delay)
        if failures >= HALVE_AFTER and len(part.held) > 1:
            return part.halves()
        return [_Part(part.held, part.attempts + 1, failures)]
