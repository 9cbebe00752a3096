"""librdkafka's own log, made short: while Kafka is away it writes the same twenty lines a second."""

from __future__ import annotations

import logging

from agents.clock import Clock
from app.clock import SystemClock
from app.log_limit import LogLimit

SECONDS = 30.0


class OncePerKind(logging.Filter):
    """Lets one line of each kind (librdkafka's FAIL, REQTMOUT, GETPID, ...) pass in thirty seconds.

    They are warnings: what is an error is said by delivery reports, readiness and `on_fatal`.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._limit = LogLimit(clock, SECONDS)

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether `record` passes."""
        kind, _, text = record.getMessage().partition(" ")
        unlogged = self._limit.unlogged(kind)
        if unlogged is None:
            return False
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg, record.args = "librdkafka", ()
        record.kind, record.detail, record.unlogged = kind, text, unlogged
        return True


def librdkafka_logger(clock: Clock | None = None) -> logging.Logger:
    """Return a logger for a librdkafka client's `logger` setting."""
    logger = logging.Logger("librdkafka")  # noqa: LOG001 - its own, so that no other client's filter is on it
    logger.parent = logging.getLogger()
    logger.addFilter(OncePerKind(SystemClock() if clock is None else clock))
    return logger
