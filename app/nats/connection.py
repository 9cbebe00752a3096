"""A connection to NATS that stays: it is made again when the client library has given it up.

nats-py reconnects by itself, but closes for good on an authorization error and on a protocol error from
the server (`-ERR`), credentials being rolled, say. What the server refuses (permissions) it says in a
message of its own, apart from the request that then simply times out; so it is remembered here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from agents.errors import Retry, Trip
from app.settings import Settings

log = structlog.get_logger()

DENIED = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"', re.IGNORECASE)
UNAUTHORIZED = "authorization"
"""Stands in what nats-py says of refused credentials, in whichever of its two ways."""
REMEMBERED = 1000
"""Refused subjects that are remembered at most."""


class Connection:
    """Gives out a JetStream context over a live connection, or says why there is none."""

    def __init__(self, options: Mapping[str, Any], timeout: float) -> None:
        """Connect with `options`, those of `nats.connect`; `timeout` is for connecting and for requests."""
        self._options = dict(options)
        self._timeout = timeout
        self._client: Client | None = None
        self._jetstream: JetStreamContext | None = None
        self._lock = asyncio.Lock()
        self._attempts = 0
        self._denied: dict[str, str] = {}
        self._unauthorized = False
        self._last_error = "no server answered"

    @property
    def connected(self) -> bool:
        """Whether there is a live connection now."""
        return self._client is not None and self._client.is_connected

    @property
    def max_payload(self) -> int:
        """Bytes of headers and payload that the server takes in one message."""
        return self._client.max_payload if self._client else 0

    async def jetstream(self) -> JetStreamContext:
        """Return the context of a live connection.

        Raises Retry while there is none, Trip when the server does not accept our credentials. Nothing is
        handed to a client that is reconnecting: what waits in its buffer goes out after we gave it up.
        """
        if self._client is None or self._client.is_closed:
            attempt = self._attempts
            async with self._lock:
                if attempt == self._attempts:  # otherwise somebody tried while we waited for our turn
                    try:
                        await self._connect()
                    finally:
                        self._attempts += 1
        if self._jetstream is None or not self.connected:
            raise Retry(f"There is no connection to NATS: {self._last_error}.")
        return self._jetstream

    def denied(self, subject: str) -> str | None:
        """Return what the server said when it refused to let us publish to `subject`, and forget it.

        nats-py hands the server's words on in lower case; so are the names compared.
        A refused subscription concerns every answer, and is remembered until we connect again.
        """
        return self._denied.pop(subject.lower(), None) or self._denied.get("")

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None and not self._client.is_closed:
            await self._client.close()

    async def _connect(self) -> None:
        self._denied.clear()
        self._unauthorized = False
        client = Client()
        try:
            async with asyncio.timeout(self._timeout):
                await client.connect(
                    **self._options, error_cb=self._on_error, reconnected_cb=self._on_reconnected
                )
        except (TimeoutError, OSError, NatsError) as error:
            await client.close()
            if self._unauthorized:
                raise Trip(
                    "NATS does not accept our credentials: NATS_USER and NATS_PASSWORD, or NATS_NKEY_SEED."
                ) from error
            raise Retry(f"NATS cannot be reached: {self._last_error}.") from error
        except asyncio.CancelledError:
            await client.close()
            raise
        self._client = client
        self._jetstream = client.jetstream(timeout=self._timeout)
        log.info("nats_connected", server=_address(client))

    async def _on_error(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        if text != self._last_error:  # nats-py repeats itself at each attempt to reconnect
            log.warning("nats_error", error=text)
        self._last_error = text
        self._unauthorized = self._unauthorized or UNAUTHORIZED in text.lower()
        refused = DENIED.search(text)
        if refused and len(self._denied) < REMEMBERED:
            kind, subject = refused.groups()
            self._denied[subject.lower() if kind.lower() == "publish" else ""] = text

    async def _on_reconnected(self) -> None:
        self._denied.clear()
        log.info("nats_reconnected")


def options(settings: Settings) -> dict[str, Any]:
    """Return the options of `nats.connect` as `settings` say."""
    chosen: dict[str, Any] = {
        "servers": [server.strip() for server in settings.nats_url.split(",")],
        "name": "tollbridge-nats-sink",
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.5,
        "connect_timeout": settings.nats_timeout,
        # A connection that died without a word is noticed after two unanswered pings; 2 x 120 s by default.
        "ping_interval": 5,
        "max_outstanding_pings": 2,
    }
    if settings.nats_nkey_seed:
        chosen["nkeys_seed_str"] = settings.nats_nkey_seed.get_secret_value()
    if settings.nats_user:
        chosen["user"] = settings.nats_user
    if settings.nats_password:
        chosen["password"] = settings.nats_password.get_secret_value()
    return chosen


def connect(settings: Settings) -> Connection:
    """Return a connection as `settings` say; it is made when it is first used."""
    return Connection(options(settings), settings.nats_timeout)


def _address(client: Client) -> str:
    url = client.connected_url
    return f"{url.hostname}:{url.port}" if url else ""
