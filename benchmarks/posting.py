"""Runs the load generator and reads what it says."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import BenchmarkFailed, percentile


@dataclass(frozen=True, slots=True)
class Posted:
    """All was answered with 200. Times in seconds."""

    accepted: int
    rate: float
    p50: float
    p99: float
    begun: Mapping[int, float]
    """When each request was due (unix time), by its place in the list; only with a fixed rate."""


async def post(
    url: str,
    secret: str,
    bodies: Sequence[bytes],
    directory: Path,
    *,
    connections: int,
    seconds: float = 120.0,
    warmup: float = 0.0,
    rate: float | None = None,
) -> Posted:
    """Post `bodies` to `url`, all of them or for `seconds`.

    What was answered in the first `warmup` seconds is left out. Raises BenchmarkFailed when any answer is
    not 200: the speed of refusing says nothing.
    """
    file = directory / "bodies.jsonl"
    file.write_bytes(b"\n".join(bodies) + b"\n")
    limits = ["--connections", str(connections), "--seconds", str(seconds)]
    pace = [] if rate is None else ["--rate", str(rate)]
    generator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.load", url, str(file), *limits, *pace),
        env={**os.environ, "LOAD_SECRET": secret},
        stdout=asyncio.subprocess.PIPE,
    )
    written, _ = await generator.communicate()
    if generator.returncode != 0:
        raise BenchmarkFailed(f"the load generator ended with exit code {generator.returncode}")
    found = json.loads(written)
    if set(found["statuses"]) != {"200"}:
        raise BenchmarkFailed(
            f"{url} answered {found['statuses']} (0 is no answer), and all should have been 200"
        )
    finished = sorted(found["finished"])
    begin = finished[0][0] + warmup
    counted = [(at, took) for at, took in finished if at >= begin]
    times = [took for _, took in counted]
    return Posted(
        accepted=found["statuses"]["200"],
        rate=len(counted) / (finished[-1][0] - begin),
        p50=percentile(times, 0.5),
        p99=percentile(times, 0.99),
        begun={int(number): at for number, at in found["begun"].items()},
    )
