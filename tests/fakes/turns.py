"""Letting the loop and a fake clock go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

from tests.fakes.clock import FakeClock

TURNS = 40


async def turns(count: int = TURNS) -> None:
    """Let all tasks that can run do so; time stands still."""
    for _ in range(count):
        await asyncio.sleep(0)


async def go_on(
    clock: FakeClock, until: Callable[[], bool], *, within: float = 3600, step: float = 0.25
) -> None:
    """Let time go by until `until` holds."""
    end = clock.monotonic() + within
    await turns()
    while not until():
        assert clock.monotonic() < end, f"nothing came of it within {within} s"
        clock.advance(step)
        await turns()


@asynccontextmanager
async def running(loop: Coroutine[None, None, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run a sink's loop meanwhile; what it raises is raised here unless the test asked for it."""
    task = asyncio.ensure_future(loop)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
