"""Write one message through JetStream and read it back: `python -m app.nats.write_and_read`.

Proof that a cluster works, on a stream of its own that is made, replicated as billing events are, and then
deleted. Exit codes: 0 when the message came back, 1 when it did not within a minute, 2 when the settings are
wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
import time

from nats.errors import Error as NatsError
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import NotFoundError

from agents.errors import Retry, Trip
from app.nats.connection import Connection, connect
from app.settings import Settings, SettingsError, read_settings

STREAM, SUBJECT = "TOLLBRIDGE_CHECK", "tollbridge.check"
PATIENCE_SECONDS = 60.0
AGAIN_SECONDS = 1.0


class Failed(Exception):  # noqa: N818 - says what happened
    """The cluster did not do it in time; the text is the last reason."""


async def write_and_read(settings: Settings, patience: float = PATIENCE_SECONDS) -> int:
    """Return the number of replicas that held the message. Raises Failed after `patience` seconds."""
    connection = connect(settings)
    deadline = time.monotonic() + patience
    try:
        while True:
            try:
                return await _once(connection, settings.nats_replicas)
            except (Retry, Trip) as error:
                reason = error.detail
            except (NatsError, OSError) as error:
                reason = str(error) or type(error).__name__
            if time.monotonic() > deadline:
                raise Failed(f"JetStream did not keep and return a message in {patience:g} s: {reason}")
            await asyncio.sleep(AGAIN_SECONDS)
    finally:
        await connection.close()


async def _once(connection: Connection, replicas: int) -> int:
    jetstream = await connection.jetstream()
    with contextlib.suppress(NotFoundError):
        await jetstream.delete_stream(STREAM)  # what a check that was ended has left
    wanted = StreamConfig(
        name=STREAM, subjects=[SUBJECT], num_replicas=replicas, storage=StorageType.FILE, max_msgs=1
    )
    await jetstream.add_stream(wanted)
    token = secrets.token_bytes(16)
    ack = await jetstream.publish(SUBJECT, token, stream=STREAM)
    message = await jetstream.get_msg(STREAM, ack.seq)
    if message.data != token:
        raise Failed("JetStream returned another message than the one that it had acknowledged.")
    await jetstream.delete_stream(STREAM)
    return replicas


def main() -> int:
    """Run it; return the exit code."""
    try:
        replicas = asyncio.run(write_and_read(read_settings()))
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the user's text, not a log line
        return 2
    except Failed as error:
        print(error, file=sys.stderr)  # noqa: T201 - the same
        return 1
    print(f"wrote a message to {replicas} replicas and read it back")  # noqa: T201 - the same
    return 0


if __name__ == "__main__":
    sys.exit(main())
