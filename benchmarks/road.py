"""The whole road: webhooks posted to the ingress until OpenMeter and NATS hold all that they mean."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import orjson

from app.local.server import Broker
from app.local.stack import Stack
from app.local.stack_options import StackOptions
from app.settings import Settings
from benchmarks.events import mix
from benchmarks.facts import count_facts
from benchmarks.figures import BenchmarkFailed, Figures, percentile
from benchmarks.held import Held
from benchmarks.posting import Posted, post
from benchmarks.sizes import Sizes
from benchmarks.topics import delete_topics

RATE = "road.rate"
LATENCY = "road.latency"
LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 120.0


class Road:
    """Measures a new stack of all four processes in each round, on the broker of the run."""

    def __init__(self, broker: Broker, settings: Settings, directory: Path, sizes: Sizes) -> None:
        """Take what to measure with."""
        self._broker = broker
        self._settings = settings
        self._directory = directory
        self._sizes = sizes

    async def measure(self, number: int, figures: Figures) -> None:
        """Measure the rate and then, at a rate with room to spare, the latency."""
        prefix = f"road-{number}"
        stack = Stack(
            StackOptions(
                home=self._directory / prefix,
                given=self._broker.environment(),
                settings={
                    "TOLLBRIDGE_GROUP_PREFIX": prefix,
                    "TOLLBRIDGE_STRIPE_EVENTS_TOPIC": f"{prefix}-stripe.events",
                    "TOLLBRIDGE_BILLING_EVENTS_TOPIC": f"{prefix}-billing.events",
                    "TOLLBRIDGE_DEAD_LETTERS_TOPIC": f"{prefix}-dead.letters",
                },
                logs=self._directory / f"{prefix}-logs",
            )
        )
        async with stack:
            nats_url, openmeter_url = stack.setting("NATS_URL"), stack.setting("OPENMETER_URL")
            async with Held(nats_url, openmeter_url, self._settings.nats_stream) as held:
                await self._rate(stack, held, figures)
                await self._latency(stack, held, figures)
        await asyncio.to_thread(delete_topics, self._broker.bootstrap, prefix)

    async def _rate(self, stack: Stack, held: Held, figures: Figures) -> None:
        bodies = mix(self._sizes.road_events, now=int(time.time()), name="r")
        facts = count_facts(bodies)
        began = time.monotonic()
        waiting = asyncio.create_task(self._until(stack, held, facts))
        await self._post(stack, bodies, None)
        figures.rate(RATE, len(bodies) / (await waiting - began))

    async def _latency(self, stack: Stack, held: Held, figures: Figures) -> None:
        before, _ = await held.counts()
        bodies = mix(self._sizes.latency_events, now=int(time.time()), name="p")
        waiting = asyncio.create_task(self._until(stack, held, before + count_facts(bodies)))
        posted = await self._post(stack, bodies, self._sizes.latency_rate)
        await waiting
        events = [orjson.loads(body) for body in bodies]
        due: dict[str, float] = {}
        for place, event in enumerate(events):
            due.setdefault(event["id"], posted.begun[place])
        customers = {
            found.get("customer") or found["id"] for found in (one["data"]["object"] for one in events)
        }
        times = {
            "openmeter": await held.openmeter_times(sorted(customers)),
            "nats": await held.nats_times(before + 1),
        }
        for sink, came in times.items():
            latencies = [came[cause] - due[cause] for cause in came]
            figures.milliseconds(f"{LATENCY}.{sink}.p50", percentile(latencies, 0.5))
            figures.milliseconds(f"{LATENCY}.{sink}.p99", percentile(latencies, 0.99))

    async def _post(self, stack: Stack, bodies: list[bytes], rate: float | None) -> Posted:
        return await post(
            stack.webhook_url,
            stack.secret,
            bodies,
            self._directory,
            connections=self._sizes.connections,
            rate=rate,
        )

    async def _until(self, stack: Stack, held: Held, facts: int) -> float:
        """Return the moment (monotonic) at which both sinks hold `facts` events, and no more than that."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            counts = await held.counts()
            now = time.monotonic()
            if counts == (facts, facts):
                return now
            ended = [part.obituary() for part in stack.applications.values() if part.died]
            if ended or max(counts) > facts or now > deadline:
                held_now = f"OpenMeter holds {counts[0]} and NATS {counts[1]} of {facts} events"
                raise BenchmarkFailed("\n".join([held_now, *ended]))
            await asyncio.sleep(LOOK_SECONDS)
