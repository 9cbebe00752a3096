"""Make the stream, or check that it is as the settings say: `python -m app.nats.make_stream`.

A Job's work, with a key of its own: the sink's may only publish. Waits while NATS is away; whoever starts
it sets the limit. Exit codes: 0 when the stream is there and as wanted, 1 when an operator has to act, 2 when
the settings are wrong.
"""

from __future__ import annotations

import random
import sys

from agents.backoff import Backoff
from app.clock import SystemClock
from app.nats.connection import connect
from app.nats.job import run_job
from app.nats.stream import ensure_stream, wanted_stream
from app.settings import Settings


async def make_stream(settings: Settings) -> None:
    """Return when the stream is there. Raises Stop when it differs from the settings or cannot be made."""
    connection = connect(settings)
    try:
        wanted = wanted_stream(settings)
        await ensure_stream(connection, wanted, SystemClock(), Backoff(random.random), create=True)
    finally:
        await connection.close()


if __name__ == "__main__":
    sys.exit(run_job(make_stream))
