"""Marks in a Redis server: a key for each event, which holds its own name and expires.

That a value must be its key's own name is no ornament. A connection whose replies are out of step (the
reply to a cancelled command is read as that to the next) would otherwise say "held" of an event that was
never seen, and the event would be lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry as RetryPolicy
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from agents.errors import Reject, Retry, Trip

CONNECT_SECONDS = 2.0
"""For `ping`, which nobody waits for: name resolution, TLS and signing in may take longer than a lookup."""
CONNECTIONS = 3
"""A lookup, a batch of marks and a ping: no more are ever under way."""


class Client:
    """`app.redis_memory.store.Store` over redis-py."""

    def __init__(self, url: str, ttl: int) -> None:
        """Take the address, and for how many seconds a mark is kept. Connects when first used.

        Raises ValueError when the address makes no sense.
        """
        self._ttl = ttl
        pool = ConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=CONNECT_SECONDS,
            retry=RetryPolicy(NoBackoff(), 0),  # a second try would come after the answer is wanted
            protocol=2,
            client_name="tollbridge-ingress",
        )
        self._redis: Redis = Redis(connection_pool=pool)

    async def ping(self) -> None:
        """Connect if need be, and return when Redis answers. Raises Retry or Trip."""
        async with _answer(CONNECT_SECONDS):
            await self._redis.execute_command("PING")  # type: ignore[no-untyped-call]

    async def held(self, keys: Sequence[bytes], within: float) -> list[bool]:
        """Say of each key whether it is marked, in at most `within` seconds. Raises Retry or Trip."""
        async with _answer(within):
            values = await self._redis.execute_command("MGET", *keys)  # type: ignore[no-untyped-call]
            if not isinstance(values, list) or len(values) != len(keys):
                raise Retry("Redis's answer does not fit what was asked")
            return [value == key for key, value in zip(keys, values, strict=True)]

    async def mark(self, keys: Sequence[bytes], within: float) -> None:
        """Mark all keys, in at most `within` seconds. Raises Retry or Trip; Reject when Redis takes none."""
        async with _answer(within):
            pipeline = self._redis.pipeline(transaction=False)
            for key in keys:
                pipeline.set(key, key, ex=self._ttl, nx=True)
            replies: list[Any] = await pipeline.execute(raise_on_error=False)
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()


@contextlib.asynccontextmanager
async def _answer(within: float) -> AsyncIterator[None]:
    """Name what goes wrong by its cure. No text of redis-py is passed on that could hold the address."""
    try:
        async with asyncio.timeout(within):
            yield
    except TimeoutError as error:
        raise Retry(f"Redis did not answer within {within:g} s") from error
    except (AuthenticationError, AuthorizationError, NoPermissionError) as error:
        raise Trip(f"Redis refuses us: {error}") from error
    except BusyLoadingError as error:
        raise Retry("Redis is loading its data") from error
    except ResponseError as error:
        if str(error).startswith("NOAUTH"):
            raise Trip(f"Redis refuses us: {error}") from error
        raise Reject("refused", f"Redis answered: {error}") from error
    except (RedisError, OSError) as error:
        raise Retry(f"Redis cannot be reached: {type(error).__name__}") from error
    except (ValueError, TypeError, EOFError) as error:
        # What redis-py raises over bytes that are not Redis's protocol: something else listens there.
        raise Retry(f"what answers is not Redis: {type(error).__name__}") from error
