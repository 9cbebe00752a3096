"""Questions for Stripe become events in stripe.events, under the key of the customer they are about.

    an answer             its event goes to stripe.events, and only then the question is settled
    Reject                the question goes to the dead letters with the reason
    Retry                 asked again later, with backoff
    Trip (401, 403)       the breaker opens: all questions wait in Kafka, and readiness is degraded

A thin event's twin is asked for by the id that Stripe itself gives (`snapshot_event`), so that what comes
back is what a snapshot endpoint would have got, under the same id: where both are configured, the second is a
duplicate. Only where the twin is no longer there is an event made of the object as it is now.
"""

from __future__ import annotations

from typing import Any

import orjson
import structlog

from agents.backoff import Backoff
from agents.breaker import Breaker
from agents.clock import Clock
from agents.comeback import come_back
from agents.detour import READ
from agents.errors import Reject, Retry
from agents.gate import Gate
from agents.protocols import DeadLetters, Held, Message, Observer, Outbox, Record
from agents.stripe_answers import StripeAnswers
from billing import read_request
from billing.partition_key import partition_key
from billing.read_request import Reread
from billing.stripe_event import StripeEvent, parse_event

log = structlog.get_logger()

STAGE = "lifecycle"
"""Under which its dead letters are filed: it is a part of the lifecycle worker."""
API = "stripe"
READ_FOR = "read-for"
"""Header of an event that came by this way: the id of the thin event, or of the question."""


class StripeReads:
    """Answers questions, many at a time."""

    def __init__(
        self,
        answers: StripeAnswers,
        outbox: Outbox,
        dead_letters: DeadLetters,
        breaker: Breaker,
        clock: Clock,
        *,
        observer: Observer,
        backoff: Backoff,
        topic: str,
    ) -> None:
        """Send the events that answers become to `topic`."""
        self._answers = answers
        self._outbox = outbox
        self._dead_letters = dead_letters
        self._clock = clock
        self._observer = observer
        self._gate = Gate(API, breaker, clock, observer)
        self._backoff = backoff
        self._topic = topic

    @property
    def trouble(self) -> str | None:
        """Why Stripe is not being asked, a sentence for /readyz; None while it is."""
        return self._gate.trouble

    async def handle(self, held: Held) -> None:
        """Answer one question, however long it takes. Raises Stop when too much must be dead-lettered."""
        failures = 0
        while not held.abandoned:
            permit = await self._gate.enter()
            try:
                record = await self._answer(held.message)
            except Reject as why:
                self._gate.succeeded(permit)
                self._observer.sent("rejected", 1)
                await self._bury(held, why, failures + 1)
                return
            except Retry as error:
                failures += 1
                self._observer.sent("retried", 1)
                delay = self._backoff.delay(failures, error.after)
                self._gate.failed(permit, error, delay if error.after is not None else None)
                if self._gate.closed:
                    await self._clock.sleep(delay)
                continue
            finally:
                self._gate.returned(permit)
            self._gate.succeeded(permit)
            self._observer.sent("accepted", 1)
            self._dead_letters.passed()
            await come_back(held, record, self._outbox, self._clock)
            return

    async def _answer(self, message: Message) -> Record:
        began = self._clock.monotonic()
        try:
            return await self._record(message)
        except ValueError as fault:  # MalformedEvent is one
            raise Reject(
                "unreadable", f"Stripe's answer, or what was asked, makes no sense: {fault}"
            ) from fault
        finally:
            self._observer.flushed(1, self._clock.monotonic() - began)

    async def _record(self, message: Message) -> Record:
        if message.headers.get(READ) == b"thin":
            event = parse_event(message.value)
            asked, body = event.id, await self._thin(event)
        else:
            question = Reread.decode(message.value)
            asked, body = question.id, await self._subscription(question)
        kept = ((name, value) for name, value in message.headers.items() if name != READ)
        return Record(
            self._topic, partition_key(parse_event(body)), body, (*kept, (READ_FOR, asked.encode()))
        )

    async def _thin(self, event: StripeEvent) -> bytes:
        context = event.context or event.account
        full = await self._get(read_request.thin_event_path(event.id), context)
        if full is None:
            raise Reject(
                "thin_event_gone",
                f"Stripe knows no event {event.id}: it is more than 30 days old, or STRIPE_API_KEY is of "
                "another account",
            )
        twin = read_request.snapshot_event_of(full[0])
        if twin is not None:
            found = await self._get(read_request.event_path(twin), context)
            if found is not None:
                return orjson.dumps(read_request.in_scope(found[0], event))
        found = await self._get(read_request.object_path(event), context, after=event.created)
        if found is None:
            raise Reject(
                "object_gone", f"Stripe no longer has the object of {event.id}, nor its snapshot event"
            )
        log.info("thin_event_without_twin", event_id=event.id, event_type=event.type)
        return orjson.dumps(read_request.as_snapshot(event, twin, *found))

    async def _subscription(self, asked: Reread) -> bytes:
        path = read_request.subscription_path(asked.subscription)
        found = await self._get(path, asked.context, after=asked.after)
        if found is not None:
            return orjson.dumps(read_request.as_read(asked, *found))
        if asked.witness is None:
            raise Reject(
                "not_readable",
                f"Stripe does not know subscription {asked.subscription}, for which a checkout was paid: "
                "STRIPE_API_KEY is of another account; the checkout is told without it",
            )
        witness = await self._get(read_request.event_path(asked.witness), asked.context)
        if witness is None:
            raise Reject(
                "not_readable",
                f"Stripe knows neither subscription {asked.subscription} nor its event {asked.witness}: "
                "STRIPE_API_KEY is of another account, or both are long gone; the state stays as it is",
            )
        log.info("subscription_gone", subscription=asked.subscription)
        return orjson.dumps(read_request.as_read(asked, None, max(witness[1], asked.after + 1)))

    async def _get(
        self, path: str | None, context: str | None, *, after: int = -1
    ) -> tuple[dict[str, Any], int] | None:
        if path is None:
            raise Reject("unreadable", "the event names no object that can be asked for")
        answer = await self._answers.get(path, context, after=after)
        if answer.body is None:
            return None
        found = orjson.loads(answer.body)
        if not isinstance(found, dict):
            raise Reject("unreadable", f"Stripe's answer for {path} is not a JSON object")
        return found, answer.at

    async def _bury(self, held: Held, why: Reject, attempts: int) -> None:
        failures = 0
        while not held.abandoned:
            try:
                await self._dead_letters.bury(
                    held.message, stage=STAGE, reason=why.reason, detail=why.detail, attempts=attempts
                )
            except Retry as error:
                failures += 1
                await self._clock.sleep(self._backoff.delay(failures, error.after))
            else:
                held.settle()
                return
