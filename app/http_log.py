"""What aiohttp's server says of requests that are no HTTP, without quoting them.

Its own line is an error with a traceback that holds the broken line: whoever can reach a port could fill a
disk with it, and a header that broke may hold a token.
"""

from __future__ import annotations

import logging

from aiohttp.http_exceptions import HttpProcessingError

from agents.clock import Clock
from app.clock import SystemClock
from app.log_limit import LogLimit

LOGGER = "aiohttp.server"


class WithoutRequest(logging.Filter):
    """Turns such a line into `request_malformed`, one a second."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._limit = LogLimit(clock)

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether `record` passes."""
        kind = record.exc_info[0] if record.exc_info else None
        if kind is None or not issubclass(kind, HttpProcessingError):
            return True
        unlogged = self._limit.unlogged(LOGGER)
        if unlogged is None:
            return False
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg, record.args = "request_malformed", ()
        record.exc_info, record.exc_text = None, None
        record.kind, record.unlogged = kind.__name__, unlogged
        return True


def quote_no_request(clock: Clock | None = None) -> None:
    """Have aiohttp's server log so, from now on."""
    logger = logging.getLogger(LOGGER)
    for old in [one for one in logger.filters if isinstance(one, WithoutRequest)]:
        logger.removeFilter(old)
    logger.addFilter(WithoutRequest(SystemClock() if clock is None else clock))
