"""What one message caused, on its way to Kafka: the message is settled when the last record is there."""

from __future__ import annotations

from collections.abc import Callable

from agents.errors import Stop
from agents.protocols import Delivered, Held, OnDelivery, Outbox, Record, Undelivered
from agents.tracing import UNTRACED, Span, Tracer, begin_processing, begin_sending, end_sent, handed_on


class Effects:
    """Counts the records of one message. `finish` says that there are no more to come.

    `span` is the step of working through the message; it ends when the message is settled. What is told has
    a step of its own, a table's change (a record with a `then`) has none.
    """

    __slots__ = ("_failed", "_held", "_left", "_outbox", "_tracer", "span")

    def __init__(
        self, held: Held, outbox: Outbox, failed: Callable[[Stop], None], tracer: Tracer = UNTRACED
    ) -> None:
        """`failed` is told when Kafka gave a record up although the message is still ours."""
        self._held = held
        self._outbox = outbox
        self._failed = failed
        self._left = 1
        self._tracer = tracer
        self.span: Span = begin_processing(tracer, held.message)

    def send(self, record: Record, then: Callable[[Delivered], None] | None = None) -> None:
        """Send `record`; `then` is called when it is there. Raises `Retry` when the outbox is full."""
        self._left += 1
        sending: Span = UNTRACED
        if then is None:
            sending = begin_sending(self._tracer, record.topic, self.span)
            record = handed_on(record, sending)
        try:
            self._outbox.send(record, self._arrival(then, sending))
        except BaseException:
            self._left -= 1
            raise

    def owe(self) -> OnDelivery:
        """Return what to call when one more record, which somebody else sends, is there or given up."""
        self._left += 1
        return self._arrival(None, UNTRACED)

    def finish(self) -> None:
        """Settle when all records are acknowledged, at once if there are none."""
        self._one_less()

    def _arrival(self, then: Callable[[Delivered], None] | None, sending: Span) -> OnDelivery:
        def arrived(report: Delivered | Undelivered) -> None:
            if isinstance(report, Undelivered):
                sending.end("undelivered")
                if not self._held.abandoned:
                    at = self._held.message
                    self._failed(
                        Stop(
                            f"Kafka did not take a record for {report.topic} ({report.detail}), caused by "
                            f"{at.topic}[{at.partition}] offset {at.offset}. That offset is not committed; "
                            "the worker stops so that it is replayed. See that Kafka is well."
                        )
                    )
                return
            end_sent(sending, report)
            if self._held.abandoned:
                return
            if then is not None:
                then(report)
            self._one_less()

        return arrived

    def _one_less(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._held.settle()
            self.span.end()
