"""The lifecycle worker over a backlog, beside the obvious agent over the same one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.local.application import Application
from app.local.ports import free_port
from app.local.process import Output
from app.local.server import Broker, SingleServer
from app.settings import Settings
from benchmarks.commits import commit_rate
from benchmarks.figures import Figures
from benchmarks.topics import Offsets, delete_topics, make_topic

TOLLBRIDGE = "lifecycle.tollbridge"
OBVIOUS = "lifecycle.obvious_agent"


class Lifecycle:
    """Measures both workers, one after the other, each in a consumer group of its own over `topic`."""

    def __init__(self, broker: Broker, settings: Settings, directory: Path, topic: str, total: int) -> None:
        """Take the filled `topic`, which holds `total` events."""
        self._broker = broker
        self._settings = settings
        self._directory = directory
        self._topic = topic
        self._total = total

    async def tollbridge(self, number: int, figures: Figures) -> None:
        """Measure the lifecycle worker as it is shipped, its settings untouched."""
        prefix = f"bench-{number}"
        worker = Application(
            "lifecycle",
            free_port().number,
            {
                **self._broker.environment(),
                "TOLLBRIDGE_DATA_DIR": str(self._directory / prefix),
                "TOLLBRIDGE_GROUP_PREFIX": prefix,
                "TOLLBRIDGE_STRIPE_EVENTS_TOPIC": self._topic,
                "TOLLBRIDGE_BILLING_EVENTS_TOPIC": f"{prefix}-billing.events",
                "TOLLBRIDGE_DEAD_LETTERS_TOPIC": f"{prefix}-dead.letters",
            },
            output=Output(log=self._directory / f"{prefix}.log"),
        )
        figures.rate(TOLLBRIDGE, await self._measure(worker, f"{prefix}-lifecycle"))
        await asyncio.to_thread(delete_topics, self._broker.bootstrap, prefix)

    async def obvious(self, number: int, figures: Figures) -> None:
        """Measure the obvious agent."""
        group = f"obvious-{number}"
        output = f"{group}-billing.events"
        # Faust makes the changelogs too, but may look for their partitions before Kafka has told it of them;
        # then the agent raises for each event and Faust commits over it.
        for topic in (output, f"{group}-seen-changelog", f"{group}-subscriptions-changelog"):
            await asyncio.to_thread(make_topic, self._settings, topic)
        worker = ObviousAgent(
            {
                "OBVIOUS_KAFKA": self._broker.url,
                "OBVIOUS_GROUP": group,
                "OBVIOUS_SOURCE": self._topic,
                "OBVIOUS_OUTPUT": output,
                "OBVIOUS_DATA": str(self._directory / group),
                "OBVIOUS_PARTITIONS": str(self._settings.topic_partitions),
                "OBVIOUS_COMMIT_INTERVAL": str(self._settings.commit_interval),
                "OBVIOUS_SESSION_TIMEOUT": str(self._settings.session_timeout),
                "OBVIOUS_HEARTBEAT_INTERVAL": str(self._settings.heartbeat_interval),
            },
            Output(log=self._directory / f"{group}.log"),
        )
        figures.rate(OBVIOUS, await self._measure(worker, group))
        await asyncio.to_thread(delete_topics, self._broker.bootstrap, group)

    async def _measure(self, worker: SingleServer, group: str) -> float:
        offsets = Offsets(self._broker.bootstrap, group, self._topic, self._settings.topic_partitions)
        worker.launch()
        try:
            return await commit_rate(offsets, self._total, worker, f"{group}-seen-changelog")
        finally:
            await worker.stop()
            offsets.close()


class ObviousAgent(SingleServer):
    """The reference in `benchmarks.obvious_agent` as a process."""

    def __init__(self, environment: Mapping[str, str], output: Output) -> None:
        super().__init__("obvious-agent", free_port().number, output)
        self._environment = environment

    @property
    def url(self) -> str:
        """Return nothing of use: it listens nowhere."""
        return ""

    def command(self) -> Sequence[str]:
        """Return what to run."""
        return [
            sys.executable,
            *("-m", "benchmarks.obvious_agent", "worker", "--loglevel", "warn", "--without-web"),
            *("--web-port", str(self.port)),
        ]

    def variables(self) -> Mapping[str, str]:
        """Return its settings."""
        return self._environment

    async def answers(self) -> bool:
        """Say nothing of use: its commits show that it works."""
        return True
