"""Webhooks a second and their latency at the ingress, beside two references on the same broker."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from app.local.application import Application
from app.local.ports import free_port
from app.local.process import Output
from app.local.server import Broker
from app.local.stack_options import make_secret
from app.settings import Settings
from benchmarks.events import mix
from benchmarks.figures import BenchmarkFailed, Figures
from benchmarks.posting import post
from benchmarks.sizes import Sizes
from benchmarks.topics import Offsets, delete_topics, make_topic

TOLLBRIDGE = "ingress.tollbridge"
VERIFY_ONLY = "ingress.verify_only"
AIOKAFKA = "ingress.aiokafka"


class Reference(Application):
    """The ingress over something else."""

    def command(self) -> Sequence[str]:
        """Return what to run."""
        return [sys.executable, "-m", "benchmarks.ingress_reference", self.name]


class Ingress:
    """Measures the three, one after the other, with the same webhooks."""

    def __init__(self, broker: Broker, settings: Settings, directory: Path, sizes: Sizes) -> None:
        """Take what to measure with."""
        self._broker = broker
        self._settings = settings
        self._directory = directory
        self._sizes = sizes
        self._secret = make_secret()
        self._bodies = mix(sizes.ingress_webhooks, now=int(time.time()), name="i")

    async def tollbridge(self, number: int, figures: Figures) -> None:
        """Measure the ingress as it is shipped; every webhook must be in Kafka."""
        topic = f"ingress-{number}.events"
        await self._measure(Application, "ingress", topic, TOLLBRIDGE, figures)

    async def verify_only(self, number: int, figures: Figures) -> None:
        """Measure what HTTP, signature and parsing cost."""
        await self._measure(Reference, "verify_only", f"ingress-none-{number}.events", VERIFY_ONLY, figures)

    async def aiokafka(self, number: int, figures: Figures) -> None:
        """Measure aiokafka's `send_and_wait` in the place of our producer."""
        await self._measure(Reference, "aiokafka", f"ingress-aiokafka-{number}.events", AIOKAFKA, figures)

    async def _measure(
        self, kind: type[Application], name: str, topic: str, figure: str, figures: Figures
    ) -> None:
        sizes, prefix = self._sizes, topic.removesuffix("events")
        await asyncio.to_thread(make_topic, self._settings, topic)
        server = kind(
            "ingress",
            free_port().number,
            {
                **self._broker.environment(),
                "STRIPE_WEBHOOK_SECRETS": self._secret,
                "TOLLBRIDGE_STRIPE_EVENTS_TOPIC": topic,
                "TOLLBRIDGE_BILLING_EVENTS_TOPIC": f"{prefix}billing",
                "TOLLBRIDGE_DEAD_LETTERS_TOPIC": f"{prefix}dead",
            },
            name=name,
            output=Output(log=self._directory / f"{prefix}log"),
        )
        await server.start()
        try:
            posted = await post(
                f"{server.url}/webhooks/stripe",
                self._secret,
                self._bodies,
                self._directory,
                connections=sizes.connections,
                seconds=sizes.ingress_seconds + sizes.warmup_seconds,
                warmup=sizes.warmup_seconds,
            )
        finally:
            await server.stop()
        if figure != VERIFY_ONLY:
            await asyncio.to_thread(self._kept, topic, posted.accepted)
        figures.rate(f"{figure}.rate", posted.rate)
        figures.milliseconds(f"{figure}.p50", posted.p50)
        figures.milliseconds(f"{figure}.p99", posted.p99)
        await asyncio.to_thread(delete_topics, self._broker.bootstrap, prefix)

    def _kept(self, topic: str, accepted: int) -> None:
        """Hold the ingress to its word. Raises BenchmarkFailed."""
        offsets = Offsets(self._broker.bootstrap, "bench", topic, self._settings.topic_partitions)
        written = offsets.written()
        offsets.close()
        # Tansu reports the start of the last batch for its end; there an aiokafka batch may hide some.
        if written < accepted and not (self._settings.one_record_batches and "aiokafka" in topic):
            raise BenchmarkFailed(f"{accepted} webhooks were answered 200, and {topic} holds {written}")
