"""A webhook becomes a decision: recall, decide, remember, tell. Thin; `billing.decide` decides.

Everything that one message causes is sent without waiting, and the message is settled when Kafka has
acknowledged all of it, so that hundreds are on their way at once and none is committed too early.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass

import structlog

from agents.clock import Clock
from agents.detour import Detours, waiting_since
from agents.effects import Effects
from agents.errors import Reject, Retry, Stop
from agents.notes import Notes
from agents.protocols import DeadLetters, Held, LifecycleObserver, Message, Outbox, Record
from agents.tracing import UNTRACED, Span, Tracer, cause_of, trace_id
from billing.cloudevent import CONTENT_TYPE, encode
from billing.decide import Decision, Known, Policy, decide, lookups
from billing.position import Position
from billing.stripe_event import MalformedEvent, StripeEvent, parse_event
from billing.timeline import entry
from tables.memory import Memory
from tables.row import Change, Origin
from tables.timeline import Timeline

log = structlog.get_logger()

STAGE = "lifecycle"
PAUSE = 0.02
"""Seconds to wait when the outbox is full; librdkafka empties it by the thousand."""
SWEEP_EVERY = 16
"""Offsets between two looks for event ids that are old; a look costs as much as a read."""
SWEEP_LIMIT = 64
"""Ids forgotten at one look at most: twice what the messages in between can add, so they never pile up."""

Acknowledged = Callable[[Change, int], None]
"""Told the changelog offset at which a change arrived."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The lifecycle agent's parts."""

    memory: Memory
    timeline: Timeline
    notes: Notes
    outbox: Outbox
    dead_letters: DeadLetters
    observer: LifecycleObserver
    clock: Clock
    policy: Policy
    detours: Detours
    billing_topic: str
    type_prefix: str
    retention: int
    """Seconds that an event id is remembered."""
    generation: Callable[[], int]
    acknowledged: Acknowledged
    failed: Callable[[Stop], None]
    tracer: Tracer = UNTRACED

    async def run(self, messages: AsyncIterable[Held]) -> None:
        """Work through `messages`. A `Stop` goes to `failed`, and the loop ends; nothing leaves it."""
        noting = asyncio.create_task(self.notes.run())
        try:
            await self._run(messages)
        finally:
            noting.cancel()

    async def _run(self, messages: AsyncIterable[Held]) -> None:
        burials: set[asyncio.Task[None]] = set()
        async for held in messages:
            effects = Effects(held, self.outbox, self.failed, self.tracer)
            try:
                await self._work(held, effects)
            except Reject as reject:
                burial = asyncio.create_task(self._bury(held, effects, reject))
                burials.add(burial)
                burial.add_done_callback(burials.discard)
            except Stop as stop:
                self.failed(stop)
                return
            else:
                self.dead_letters.passed()
                effects.finish()

    async def _work(self, held: Held, effects: Effects) -> None:
        message = held.message
        event = _parse(message)
        _note_event(effects.span, event)
        wanted = lookups(event)
        now = int(self.clock.now())
        known = self.memory.recall(message.partition, wanted)
        decision = self._decide(message, event, now, known)
        # All rows are written before anything is waited for: the partition may be gone afterwards.
        changes = self._changes(message, wanted.subscription, decision, now)
        if wanted.subscription is not None:
            noted = entry(event, decision, message.offset, now)
            origin = Origin(self.generation(), message.offset)
            row = self.timeline.note(message.partition, wanted.subscription, noted, origin)
            self.notes.add(row, held, effects.owe())
        for change in changes:
            await self._send(held, effects, _changelog(change), change)
        detours = self.detours.records(message, decision, now)
        for record in (*self._records(message, event, decision), *detours):
            await self._send(held, effects, record, None)
        self._observe(event, decision)
        _note_decision(effects.span, message, event, decision)
        if decision.problem is not None:
            raise Reject(decision.problem, decision.reason)

    def _decide(self, message: Message, event: StripeEvent, now: int, known: Known) -> Decision:
        position = Position(message.topic, message.partition, message.offset)
        try:
            since = waiting_since(message)
            return decide(event, position, now, known, self.policy, waiting_since=since)
        except Exception as bug:
            # decide() promises never to raise. Should it do so all the same, one event is set aside with
            # its bytes, and the limit on dead letters stops the worker if it is not the only one.
            log.exception("decision_failed", event_id=event.id, event_type=event.type)
            raise Reject("decision_failed", f"{type(bug).__name__} while deciding on {event.type}") from bug

    def _changes(
        self, message: Message, subscription: str | None, decision: Decision, now: int
    ) -> list[Change]:
        origin = Origin(self.generation(), message.offset)
        changes = list(self.memory.remember(message.partition, decision.remember, origin))
        if decision.subscription is not None and subscription is not None:
            changes.append(self.memory.keep(message.partition, subscription, decision.subscription, origin))
        if message.offset % SWEEP_EVERY == 0:
            forgotten = list(self.memory.forget(message.partition, now - self.retention, SWEEP_LIMIT))
            self.observer.expired(len(forgotten))
            changes += forgotten
        return changes

    def _records(self, message: Message, event: StripeEvent, decision: Decision) -> list[Record]:
        headers = (
            ("content-type", CONTENT_TYPE.encode()),
            ("event-id", event.id.encode()),
            ("received", message.headers.get("received", b"")),
            ("stripe-created", str(event.created).encode()),
            *((name, message.headers[name]) for name in ("traceparent",) if name in message.headers),
        )
        return [
            Record(self.billing_topic, message.key, encode(fact, type_prefix=self.type_prefix), headers)
            for fact in decision.facts
        ]

    async def _send(self, held: Held, effects: Effects, record: Record, change: Change | None) -> None:
        then = None if change is None else lambda report: self.acknowledged(change, report.offset)
        while not held.abandoned:
            try:
                effects.send(record, then)
            except Retry:
                await self.clock.sleep(PAUSE)
            else:
                return

    async def _bury(self, held: Held, effects: Effects, reject: Reject) -> None:
        attempts = 0
        while not held.abandoned:
            attempts += 1
            try:
                await self.dead_letters.bury(
                    held.message, stage=STAGE, reason=reject.reason, detail=reject.detail, attempts=attempts
                )
            except Retry:
                await self.clock.sleep(PAUSE)
            except Stop as stop:
                self.failed(stop)
                return
            else:
                effects.finish()
                return

    def _observe(self, event: StripeEvent, decision: Decision) -> None:
        self.observer.decided(decision.outcome.value, event.type)
        for fact in decision.facts:
            self.observer.told(fact.type)


def _parse(message: Message) -> StripeEvent:
    try:
        return parse_event(message.value)
    except MalformedEvent as fault:
        raise Reject("malformed_event", str(fault)) from fault


def _changelog(change: Change) -> Record:
    return Record(change.topic, change.key, change.value, (), change.partition)


def _note_event(span: Span, event: StripeEvent) -> None:
    span.note("tollbridge.event.id", event.id)
    span.note("tollbridge.event.type", event.type)


def _note_decision(span: Span, message: Message, event: StripeEvent, decision: Decision) -> None:
    if span is not UNTRACED:
        span.note("tollbridge.decision", decision.outcome.value)
        span.note("tollbridge.facts", len(decision.facts))
    if log.is_enabled_for(logging.DEBUG):  # a busy worker decides a thousand times a second
        log.debug(
            "event_decided",
            event_id=event.id,
            event_type=event.type,
            decision=decision.outcome.value,
            facts=len(decision.facts),
            trace_id=trace_id(span.traceparent or cause_of(message)),
        )
