"""Make a second region's copy of the stream: `python -m app.nats.make_mirror`.

Run against the second region's servers, whose connection to the home region carries the copy. The mirror's
name is the stream's with `_MIRROR` behind it. It keeps the messages' sequence numbers, and goes on where it
was after either region was away. Exit codes as of `app.nats.make_stream`.
"""

from __future__ import annotations

import asyncio
import sys
import time

import structlog
from nats.errors import Error as NatsError
from nats.js.api import ExternalStream, StorageType, StreamConfig, StreamSource
from nats.js.errors import BadRequestError

from agents.errors import Retry, Stop, Trip
from app.nats.connection import connect
from app.nats.job import run_job
from app.settings import Settings

HOME_API = "$JS.home.API"
"""JetStream's API in the home region: `jetstream.domain` in its nats.conf."""
PATIENCE_SECONDS = 240.0
AGAIN_SECONDS = 1.0

log = structlog.get_logger()


def mirror(settings: Settings) -> StreamConfig:
    """Return the mirror of the settings' stream."""
    return StreamConfig(
        name=f"{settings.nats_stream}_MIRROR",
        description="A copy of the home region's billing events; written by its servers only.",
        storage=StorageType.FILE,
        num_replicas=settings.nats_replicas,
        max_age=settings.nats_max_age_days * 86400,
        mirror=StreamSource(name=settings.nats_stream, external=ExternalStream(api=HOME_API)),
    )


async def make_mirror(settings: Settings, patience: float = PATIENCE_SECONDS) -> None:
    """Return when the mirror is there. Raises Stop when it is there but different, or after `patience`."""
    wanted, connection = mirror(settings), connect(settings)
    deadline = time.monotonic() + patience
    try:
        while True:
            try:
                await (await connection.jetstream()).add_stream(wanted)
            except BadRequestError as error:
                raise Stop(f"NATS does not make the mirror {wanted.name}: {error.description}.") from error
            except (Retry, Trip) as error:
                reason = error.detail
            except (NatsError, OSError) as error:
                reason = str(error) or type(error).__name__
            else:
                log.info("nats_mirror_checked", stream=wanted.name)
                return
            if time.monotonic() > deadline:
                raise Stop(f"The mirror {wanted.name} could not be made in {patience:g} s: {reason}")
            log.warning("nats_mirror_waits", stream=wanted.name, why=reason)
            await asyncio.sleep(AGAIN_SECONDS)
    finally:
        await connection.close()


if __name__ == "__main__":
    sys.exit(run_job(make_mirror))
