"""What Redis at the door costs and saves: `python -m benchmarks.door_memory [rounds]`.

Each round posts the same webhooks to an ingress without Redis and to one with it, one after the other, on
the same broker; first all of them new (a lookup and a mark each: the cost), then all of them again (a lookup
each, and no record: the saving). Ratios are made within a round, so that a machine's mood cancels out. The
ingress's processor time for a webhook is the steadier of the two: it does not depend on who else is running.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.local.application import Application
from app.local.ports import free_port
from app.local.process import Output
from app.local.redis_server import RedisServer
from app.local.stack_options import make_secret
from app.local.tansu import Tansu
from benchmarks.events import mix
from benchmarks.posting import Posted, post

WEBHOOKS, CONNECTIONS, ROUNDS = 12_000, 32, 5


@dataclass(frozen=True, slots=True)
class Run:
    """What was posted, and the ingress's processor time for each webhook, in microseconds."""

    posted: Posted
    cpu: float


def _processor_seconds(pid: int) -> float:
    """Read utime and stime of a process (proc(5), /proc/pid/stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _measure(environment: Mapping[str, str], directory: Path, name: str) -> tuple[Run, Run]:
    """Return new webhooks and repeated ones, through an ingress started with `environment`."""
    secret = make_secret()
    topic = f"{name}.events"
    server = Application(
        "ingress",
        free_port().number,
        {
            **environment,
            "STRIPE_WEBHOOK_SECRETS": secret,
            "TOLLBRIDGE_STRIPE_EVENTS_TOPIC": topic,
            "TOLLBRIDGE_BILLING_EVENTS_TOPIC": f"{name}.billing",
            "TOLLBRIDGE_DEAD_LETTERS_TOPIC": f"{name}.dead",
        },
        name="ingress",
        output=Output(log=directory / f"{name}.log"),
    )
    await server.start()
    try:
        url = f"{server.url}/webhooks/stripe"
        warm = mix(1000, now=int(time.time()), name="w")
        bodies = mix(WEBHOOKS, now=int(time.time()), name="i")
        await post(url, secret, warm, directory, connections=CONNECTIONS)
        runs = []
        for _ in range(2):
            before = _processor_seconds(server.pid or 0)
            posted = await post(url, secret, bodies, directory, connections=CONNECTIONS)
            spent = _processor_seconds(server.pid or 0) - before
            runs.append(Run(posted, spent / posted.accepted * 1e6))
    finally:
        await server.stop()
    return runs[0], runs[1]


async def main(rounds: int) -> None:
    """Print each round, and the median ratios."""
    broker, redis = Tansu(), RedisServer()
    ratios: dict[str, list[tuple[float, float]]] = {"new": [], "again": []}
    await broker.start()
    await redis.start()
    try:
        with tempfile.TemporaryDirectory(prefix="tollbridge-") as directory:
            for number in range(rounds):
                found = {}
                order = ("off", "on") if number % 2 == 0 else ("on", "off")
                for which in order:
                    given = {**broker.environment(), **(redis.environment() if which == "on" else {})}
                    found[which] = await _measure(given, Path(directory), f"{which}-{number}")
                for place, kind in enumerate(ratios):
                    off, on = found["off"][place], found["on"][place]
                    ratios[kind].append((on.posted.rate / off.posted.rate, on.cpu / off.cpu))
                    print(f"{kind:5}  without {_line(off)}   with {_line(on)}", flush=True)
    finally:
        await redis.kill()
        await broker.kill()
    for kind, each in ratios.items():
        for what, values in zip(("rate", "processor time"), zip(*each, strict=True), strict=True):
            low, high = min(values), max(values)
            print(f"{kind}: {what}, median ratio {statistics.median(values):.2f} ({low:.2f} to {high:.2f})")


def _line(run: Run) -> str:
    return f"{run.posted.rate:6.0f}/s p99 {run.posted.p99 * 1e3:5.1f} ms {run.cpu:4.0f} us each"


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
