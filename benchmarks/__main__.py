"""`make bench`, or `python -m benchmarks`: what the road carries, beside what could have been built."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from rich.console import Console

from app.local.java import KafkaUnavailable
from app.local.process import ProcessFailed
from app.settings import read_settings
from benchmarks import broker as brokers
from benchmarks import report
from benchmarks.broker import TITLES, BrokerName
from benchmarks.events import mix
from benchmarks.figures import BenchmarkFailed, Figures
from benchmarks.ingress import AIOKAFKA, VERIFY_ONLY, Ingress
from benchmarks.ingress import TOLLBRIDGE as INGRESS
from benchmarks.lifecycle import OBVIOUS, Lifecycle
from benchmarks.lifecycle import TOLLBRIDGE as LIFECYCLE
from benchmarks.road import RATE, Road
from benchmarks.sizes import FULL, SMOKE, Sizes
from benchmarks.topics import fill, make_topic

PARTS = ("ingress", "lifecycle", "road")
LATEST = Path(__file__).parent / "results" / "latest.json"
BACKLOG = "backlog.events"

Step = Callable[[int, Figures], Awaitable[None]]


def main() -> int:
    """Run all, or what was asked for; 0 when everything was measured."""
    options = _options()
    sizes = SMOKE if options.smoke else FULL
    sizes = dataclasses.replace(
        sizes,
        rounds=options.rounds or sizes.rounds,
        lifecycle_events=options.events or sizes.lifecycle_events,
    )
    console = Console(stderr=True)
    possible, why_not_kafka = brokers.choose()
    name: BrokerName = options.broker or ("tansu" if options.smoke else possible)
    if options.broker is None and not options.smoke and why_not_kafka is not None:
        console.print(why_not_kafka)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    load_before, began = os.getloadavg()[0], time.monotonic()
    try:
        figures = asyncio.run(_measure(name, sizes, options.only or PARTS, console))
    except (BenchmarkFailed, KafkaUnavailable, ProcessFailed) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    run = report.document(figures, sizes, name, time.monotonic() - began, load_before)
    report.show(run, report.read_previous(options.output), Console())
    report.write(run, options.output)
    console.print(f"Written to {options.output}; benchmarks/results/README.md says how to read it.")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, help=f"how often each is measured (default {FULL.rounds})")
    parser.add_argument("--events", type=int, help=f"the backlog (default {FULL.lifecycle_events})")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part; can be repeated")
    parser.add_argument("--broker", choices=list(TITLES), help="default: Apache Kafka if it can run here")
    parser.add_argument(
        "--smoke", action="store_true", help="see that it works: small, on Tansu; its figures mean nothing"
    )
    parser.add_argument("--output", type=Path, default=LATEST, help="where the JSON goes")
    return parser.parse_args()


async def _measure(
    name: BrokerName, sizes: Sizes, parts: list[str] | tuple[str, ...], console: Console
) -> Figures:
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="tollbridge-bench-") as place:
        directory = Path(place)
        console.print(f"Starting {TITLES[name]}")
        broker = await brokers.make(name, directory)
        await broker.start()
        try:
            settings = read_settings(broker.environment())
            steps: list[tuple[str, Step]] = []
            if "ingress" in parts:
                ingress = Ingress(broker, settings, directory, sizes)
                steps += [
                    (INGRESS, ingress.tollbridge),
                    (VERIFY_ONLY, ingress.verify_only),
                    (AIOKAFKA, ingress.aiokafka),
                ]
            if "lifecycle" in parts:
                bodies = mix(sizes.lifecycle_events, now=int(time.time()), name="l")
                await asyncio.to_thread(make_topic, settings, BACKLOG)
                await asyncio.to_thread(fill, settings, BACKLOG, bodies)
                lifecycle = Lifecycle(broker, settings, directory, BACKLOG, len(bodies))
                steps += [(LIFECYCLE, lifecycle.tollbridge), (OBVIOUS, lifecycle.obvious)]
            if "road" in parts:
                steps.append(("road", Road(broker, settings, directory, sizes).measure))
            for number in range(1, sizes.rounds + 1):
                # All of them in each round, so that a slower hour of the machine hits each alike.
                for title, step in steps:
                    console.print(f"Round {number} of {sizes.rounds}: {title}")
                    await step(number, figures)
        finally:
            await broker.stop()
    figures.ratio("ingress.to_verify_only", f"{INGRESS}.rate", f"{VERIFY_ONLY}.rate")
    figures.ratio("ingress.to_aiokafka", f"{INGRESS}.rate", f"{AIOKAFKA}.rate")
    figures.ratio("ingress.p99_to_aiokafka", f"{INGRESS}.p99", f"{AIOKAFKA}.p99")
    figures.ratio("lifecycle.to_obvious_agent", LIFECYCLE, OBVIOUS)
    figures.ratio("road.to_lifecycle_alone", RATE, LIFECYCLE)
    return figures


if __name__ == "__main__":
    sys.exit(main())
