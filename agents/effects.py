"""What one message caused, on its way to Kafka: the message is settled when the last record is there."""

from __future__ import annotations

from collections.abc import Callable

from agents.errors import Stop
from agents.protocols import Delivered, Held, OnDelivery, Outbox, Record, Undelivered


class Effects:
    """Counts the records of one message. `finish` says that there are no more to come."""

    __slots__ = ("_failed", "_held", "_left", "_outbox")

    def __init__(self, held: Held, outbox: Outbox, failed: Callable[[Stop], None]) -> None:
        """`failed` is told when Kafka gave a record up although the message is still ours."""
        self._held = held
        self._outbox = outbox
        self._failed = failed
        self._left = 1

    def send(self, record: Record, then: Callable[[Delivered], None] | None = None) -> None:
        """Send `record`; `then` is called when it is there. Raises `Retry` when the outbox is full."""
        self._left += 1
        try:
            self._outbox.send(record, self._arrival(then))
        except BaseException:
            self._left -= 1
            raise

    def finish(self) -> None:
        """Settle when all records are acknowledged, at once if there are none."""
        self._one_less()

    def _arrival(self, then: Callable[[Delivered], None] | None) -> OnDelivery:
        def arrived(report: Delivered | Undelivered) -> None:
            if isinstance(report, Undelivered):
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
