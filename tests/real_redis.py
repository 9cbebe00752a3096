"""A real redis-server for tests. In CI a missing one is a failure, not a skip."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator

import pytest

from app.local.redis_server import MISSING, RedisServer


def redis_or_skip() -> None:
    """Skip, or fail in CI, where redis-server is not installed."""
    if shutil.which("redis-server") is not None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(MISSING)
    pytest.skip(MISSING)


@pytest.fixture
async def redis_server() -> AsyncIterator[RedisServer]:
    """A Redis of the test's own."""
    redis_or_skip()
    server = RedisServer()
    await server.start()
    yield server
    await server.kill()
