"""Several loops as one: they run until one fails, and its error is the error."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable


async def run_together(loops: Iterable[Coroutine[None, None, None]]) -> None:
    """Run `loops` until one raises; end the others and raise that error itself, not a group."""
    try:
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(loop)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
