"""How fast a consumer group gets through a backlog: from its first effect to its last commit.

Both are read from Kafka. The first effect is the earliest record in the changelog of `seen`, which every
event writes to; so start, group and recovery do not count. The last commit is the one that reaches the end
of the backlog; so what is worked through but not yet safe does not count either.
"""

from __future__ import annotations

import asyncio
import time

from app.local.server import SingleServer
from benchmarks.figures import BenchmarkFailed
from benchmarks.topics import Offsets, first_written_at

LOOK_SECONDS = 0.1
STUCK_SECONDS = 45.0
"""Without a commit; starting takes a part of it."""


async def commit_rate(offsets: Offsets, total: int, worker: SingleServer, changelog: str) -> float:
    """Return events per second. Raises BenchmarkFailed when `worker` ends or does not get to `total`."""
    before, moved_at = -1, time.monotonic()
    while (committed := await asyncio.to_thread(offsets.committed)) < total:
        if not worker.running:
            raise BenchmarkFailed(worker.obituary())
        if committed != before:
            before, moved_at = committed, time.monotonic()
        if time.monotonic() > moved_at + STUCK_SECONDS:
            raise BenchmarkFailed(
                f"{worker.name} has committed {committed} of {total} events and, for {STUCK_SECONDS:g} s, "
                f"no more.\n{worker.tail}"
            )
        await asyncio.sleep(LOOK_SECONDS)
    ended = time.time()
    began = await asyncio.to_thread(first_written_at, offsets.bootstrap, changelog)
    return total / (ended - began)
