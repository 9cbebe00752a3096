"""Dead letters, kept in a Kafka topic: the record as it was, and in its headers why it is here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from agents.clock import Clock
from agents.dead_letter_limit import DeadLetterLimit
from agents.errors import Retry
from agents.journeys import event_id_of
from agents.protocols import Delivered, Message, Outbox, Record, Undelivered
from agents.tracing import UNTRACED, Span, Tracer, begin_sending, cause_of, end_sent, trace_id
from agents.waiting import within
from app.log_limit import LogLimit
from app.metrics.bounds import bounded_reason

log = structlog.get_logger()

DETAIL_BYTES = 2048
"""Bytes of the detail that are kept; it may quote another server's answer."""


class KafkaDeadLetters:
    """Fulfils `agents.protocols.DeadLetters`.

    Key, value and headers stay as they were, byte for byte. Beside them stand these headers, all UTF-8:
    `reason` (a bounded label), `stage` (who gave up), `detail` (a sentence), `position`
    (topic/partition/offset it was read from), `attempts` (how often it was sent), `buried-at` (RFC 3339).
    Of a record that was buried before and sent back they are replaced: the last word counts.
    """

    def __init__(
        self,
        outbox: Outbox,
        topic: str,
        limit: DeadLetterLimit,
        clock: Clock,
        *,
        ack_timeout: float,
        on_buried: Callable[[str, str], None] = lambda _stage, _reason: None,
        tracer: Tracer = UNTRACED,
    ) -> None:
        """Write to `topic`. `on_buried(stage, reason)` is called for each letter that Kafka has kept."""
        self._outbox = outbox
        self._topic = topic
        self._limit = limit
        self._clock = clock
        self._ack_timeout = ack_timeout
        self._on_buried = on_buried
        self._tracer = tracer
        self._lines = LogLimit(clock)
        self._one = asyncio.Lock()

    def passed(self, count: int = 1) -> None:
        """Note `count` messages that were delivered."""
        self._limit.passed(count)

    async def bury(self, message: Message, *, stage: str, reason: str, detail: str, attempts: int) -> None:
        """Keep `message`; returns when Kafka has acknowledged it.

        Raises Stop when it would be one too many, Retry when Kafka did not acknowledge in time; it may
        then be kept twice, which harms nobody.
        """
        # One at a time: the limit must know how the last one ended before it lets another pass.
        async with self._one:
            await self._bury(message, stage, reason, detail, attempts)

    async def _bury(self, message: Message, stage: str, reason: str, detail: str, attempts: int) -> None:
        self._limit.check(reason)
        position = f"{message.topic}/{message.partition}/{message.offset}"
        why = {
            "reason": reason.encode(),
            "stage": stage.encode(),
            "detail": detail.encode(errors="replace")[:DETAIL_BYTES].decode(errors="ignore").encode(),
            "position": position.encode(),
            "attempts": str(attempts).encode(),
            "buried-at": datetime.fromtimestamp(self._clock.now(), UTC).isoformat().encode(),
        }
        span = begin_sending(self._tracer, self._topic, cause_of(message))
        span.note("tollbridge.reason", reason)
        span.note("tollbridge.stage", stage)
        await self._send(
            Record(
                topic=self._topic,
                key=message.key,
                value=message.value,
                headers=(
                    *((name, value) for name, value in message.headers.items() if name not in why),
                    *why.items(),
                ),
            ),
            span,
        )
        self._limit.buried()
        self._on_buried(stage, reason)
        self._log(message, stage=stage, reason=reason, position=position, attempts=attempts)

    def _log(self, message: Message, *, stage: str, reason: str, position: str, attempts: int) -> None:
        # A bad day can bury hundreds a second. Each is in the topic; the metric counts them all.
        unlogged = self._lines.unlogged(f"{stage} {bounded_reason(reason)}")
        if unlogged is None:
            return
        log.warning(
            "dead_letter",
            stage=stage,
            reason=reason,
            position=position,
            attempts=attempts,
            event_id=event_id_of(message),
            trace_id=trace_id(cause_of(message)),
            unlogged=unlogged,
        )

    async def _send(self, record: Record, span: Span) -> None:
        answered: asyncio.Future[Delivered | Undelivered] = asyncio.get_running_loop().create_future()

        def on_delivery(outcome: Delivered | Undelivered) -> None:
            if not answered.done():
                answered.set_result(outcome)

        self._outbox.send(record, on_delivery)
        if not await within(self._clock, self._ack_timeout, answered):
            span.end("not_acknowledged")
            raise Retry(
                f"Kafka did not acknowledge a record for {self._topic} within {self._ack_timeout:g} s."
            )
        outcome = answered.result()
        if isinstance(outcome, Undelivered):
            span.end("undelivered")
            raise Retry(f"Kafka did not take a record for {self._topic}: {outcome.detail}")
        end_sent(span, outcome)
