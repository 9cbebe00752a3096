"""Whether a process traces, and the end of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass

from agents.tracing import UNTRACED, Tracer
from app.metrics.labels import Process
from app.settings import Settings

CLOSE_SECONDS = 2.0
"""Seconds that the last spans may take to leave; a collector that is down must not hold up an end."""


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Tracing:
    """A process's tracer, and what sends its last spans."""

    tracer: Tracer = UNTRACED
    flush: Callable[[], None] = _nothing
    """Blocks, for as long as the collector is down."""

    async def close(self) -> None:
        """Send what is left, within `CLOSE_SECONDS`; the rest is dropped."""
        if not self.tracer.on:
            return
        # Not the loop's own threads: the end of the process would wait for them, however long they take.
        last = threading.Thread(target=self.flush, name="last-spans", daemon=True)
        last.start()
        await asyncio.to_thread(last.join, CLOSE_SECONDS)


def open_tracing(settings: Settings, process: Process) -> Tracing:
    """Return how `process` traces; not at all unless a collector's address is set.

    Reads OTEL_* variables of the SDK's own besides the settings. Raises SettingsError.
    """
    if not settings.traced:
        return Tracing()
    from app.tracing.export import open_export  # noqa: PLC0415 - 0.2 s and 20 MB, which only who traces pays

    return open_export(settings, process)
