"""How long queries take with many customers in the tables: `python -m benchmarks.queries`.

Fills RocksDB tables of one worker, all partitions of them, and asks the real handlers over HTTP from another
process: one question after the other, and eight at a time; first alone, then beside a writer in the same
event loop that does what the agent does to the tables. Prints milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import faust
from rich.console import Console
from rich.table import Table as Printed
from yarl import URL

from app.health.handlers import Health
from app.health.server import HealthServer
from app.metrics.registry import new_metrics
from app.queries.forward import Forwarder
from app.queries.partition import partition_of
from app.queries.routes import Queries
from app.queries.routing import Routing
from benchmarks.events import mix
from billing.decide import Policy, decide, lookups
from billing.decision import Known
from billing.partition_key import partition_key
from billing.position import Position
from billing.stripe_event import StripeEvent, parse_event
from billing.timeline import Entry, encode
from tables.lookup import Lookup
from tables.row import Origin
from tables.table import Table
from tables.timeline import without_customer

PARTITIONS = 8
ENTRIES = 12
NOW = 1_790_000_000
WRITES_A_TURN = 20
"""Messages that the writer works through before it lets the loop go on."""


class Filled:
    """The two tables of a worker, filled."""

    def __init__(self, directory: Path, customers: int) -> None:
        app = faust.App("bench", broker="kafka://127.0.0.1:1", datadir=directory, store="rocksdb://")
        self.subscriptions = Table(app, name="subscriptions", partitions=PARTITIONS)
        self.timeline = Table(app, name="timeline", partitions=PARTITIONS, alias_of=without_customer)
        self.customers = customers
        self._state, self._row = sample()
        for number in range(customers):
            self.write(number)

    def write(self, number: int) -> None:
        """Write the rows of one customer, as the agent does."""
        customer, subscription = names(number)
        key = f"platform|live|{customer}".encode()
        partition = partition_of(key, PARTITIONS)
        row_key, origin = key + b"|" + subscription.encode(), Origin(1, number)
        state = dataclasses.replace(self._state, id=subscription, customer=customer)
        self.subscriptions.put(partition, row_key, state.encode(), origin)
        self.timeline.add_alias(partition, row_key)
        self.timeline.put(partition, row_key, self._row, origin)


class AllHere:
    """Owners when there is one worker."""

    def local(self) -> frozenset[int]:
        """All of them."""
        return frozenset(range(PARTITIONS))

    def others(self) -> Mapping[URL, frozenset[int]]:
        """Nobody."""
        return {}


def names(number: int) -> tuple[str, str]:
    """Return a customer and its subscription, in the length that Stripe's ids have."""
    return f"cus_{number:014}", f"sub_1PgafTLkdIwHu7ix{number:08}"


def sample() -> tuple[Any, bytes]:
    """Return the state of a subscription after its first event, and a timeline of ordinary length."""
    told: StripeEvent = next(
        event
        for event in map(parse_event, mix(2000, now=NOW, name="q"))
        if event.type.startswith("customer.subscription") and lookups(event).subscription
    )
    position = Position("stripe.events", 0, 1)
    state = decide(told, position, NOW, Known({}, None), Policy()).subscription
    entries = [
        Entry(
            n,
            f"{told.id}{n}",
            told.type,
            NOW,
            NOW,
            "applied",
            "the subscription is active",
            (f"x:{told.id}",),
        )
        for n in range(ENTRIES)
    ]
    assert partition_key(told)  # noqa: S101 - the sample is one that has a customer
    return state, encode(entries)


async def serve(filled: Filled, requests: int) -> list[tuple[str, dict[str, float]]]:
    """Ask for everything, alone and beside a writer."""
    metrics, forwarder = new_metrics("lifecycle"), Forwarder()
    lookup = Lookup(filled.subscriptions, filled.timeline)
    queries = Queries(lookup, Routing(AllHere(), forwarder, PARTITIONS), PARTITIONS, None)
    server = HealthServer("127.0.0.1", 0, Health(metrics.registry), metrics, queries.routes())
    await server.start()
    measured: list[tuple[str, dict[str, float]]] = []
    try:
        for beside in (False, True):
            writer = asyncio.create_task(write(filled)) if beside else None
            for abreast in (1, 8):
                for kind in ("customer", "subscription", "timeline", "unknown"):
                    figures = await ask(server.port, kind, filled.customers, requests, abreast)
                    title = f"{kind}, {abreast} at a time{', beside a writer' if beside else ''}"
                    measured.append((title, figures))
            if writer is not None:
                writer.cancel()
    finally:
        await server.stop()
        await forwarder.close()
    return measured


async def write(filled: Filled) -> None:
    """Write what the agent would, as fast as it can, in turns with everything else."""
    dice = random.Random(1)  # noqa: S311 - the same each time
    while True:
        for _ in range(WRITES_A_TURN):
            filled.write(dice.randrange(filled.customers))
        await asyncio.sleep(0)


async def ask(port: int, kind: str, customers: int, requests: int, abreast: int) -> dict[str, float]:
    """Ask from another process; return its figures."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.queries", "--client", str(port), "--kind", kind),
        *("--customers", str(customers), "--requests", str(requests), "--abreast", str(abreast)),
        stdout=subprocess.PIPE,
    )
    out, _ = await child.communicate()
    figures: dict[str, float] = json.loads(out)
    return figures


async def client(port: int, kind: str, customers: int, requests: int, abreast: int) -> dict[str, float]:
    """Ask for random customers; return percentiles in milliseconds."""
    dice = random.Random(2)  # noqa: S311 - the same each time
    took: list[float] = []
    left = iter(range(requests))
    async with aiohttp.ClientSession() as http:

        async def asker() -> None:
            for _ in left:
                customer, subscription = names(dice.randrange(customers))
                path = {
                    "customer": f"customers/{customer}/subscriptions",
                    "subscription": f"subscriptions/{subscription}",
                    "timeline": f"subscriptions/{subscription}/timeline",
                    "unknown": f"subscriptions/{subscription}x",
                }[kind]
                began = time.perf_counter()
                async with http.get(f"http://127.0.0.1:{port}/v1/{path}") as answer:
                    await answer.read()
                took.append((time.perf_counter() - began) * 1000)
                expected = 404 if kind == "unknown" else 200
                if answer.status != expected:
                    raise SystemExit(f"{path}: {answer.status}")

        began = time.perf_counter()
        await asyncio.gather(*(asker() for _ in range(abreast)))
        seconds = time.perf_counter() - began
    took.sort()
    return {
        "p50": took[len(took) // 2],
        "p99": took[len(took) * 99 // 100],
        "p99.9": took[len(took) * 999 // 1000],
        "a second": requests / seconds,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queries", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--client", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--kind", help=argparse.SUPPRESS)
    parser.add_argument("--abreast", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client is not None:
        asked = client(options.client, options.kind, options.customers, options.requests, options.abreast)
        print(json.dumps(asyncio.run(asked)))
        return 0
    with tempfile.TemporaryDirectory(prefix="tollbridge-bench-", ignore_cleanup_errors=True) as place:
        began = time.monotonic()
        filled = Filled(Path(place), options.customers)
        size = sum(one.stat().st_size for one in Path(place).rglob("*") if one.is_file())
        print(
            f"{options.customers} customers in {time.monotonic() - began:.0f} s, {size / 1e6:.0f} MB on disk"
        )
        measured = asyncio.run(serve(filled, options.requests))
    printed = Printed("what", "p50 ms", "p99 ms", "p99.9 ms", "a second")
    for title, figures in measured:
        printed.add_row(
            title, *(f"{figures[name]:.2f}" for name in ("p50", "p99", "p99.9")), f"{figures['a second']:.0f}"
        )
    Console(width=110).print(printed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
