"""Logs: one line an event, for people or for machines, on stderr.

structlog's own lines and those of the libraries come out in one form. Event names are snake_case; values
are ids, types and numbers, never bodies, secrets or addresses of people.
"""

from __future__ import annotations

import functools
import logging
import sys
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor

from app.http_log import quote_no_request
from app.settings import Settings


def configure_logs(settings: Settings, process: str) -> None:
    """Set up logging for this process; `process` is in every line.

    Once, at start: a logger that has written a line before stays as it was then.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Processor] = [
        functools.partial(_named, process),
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
    ]
    form: list[Processor]
    if settings.log_format == "json":
        # Without locals, here and below: they hold webhook bodies, and those hold people.
        tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        form = [
            structlog.processors.ExceptionRenderer(tracebacks),
            structlog.processors.JSONRenderer(serializer=_json),
        ]
    else:
        form = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,  # four times faster for the lines that are not written
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *form],
        )
    )
    quote_no_request()
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


def _named(process: str, _: Any, __: str, event: EventDict) -> EventDict:
    event["process"] = process
    return event


def _json(document: Any, default: Any, **_: Any) -> str:
    return orjson.dumps(document, default=default).decode()
