"""One Apache Kafka process in KRaft mode: its properties, its storage, its start."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.local.java import KafkaUnavailable
from app.local.kafka_probe import count_brokers
from app.local.ports import LOOPBACK
from app.local.process import Output
from app.local.server import SingleServer

_HEAP = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    # Says at every start of a cluster that the others are not there yet.
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients.NetworkClient=error",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node listens: for clients and brokers, and for the quorum of controllers."""

    node: int
    port: int
    controller_port: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the nodes of one cluster have in common."""

    identity: str
    places: tuple[Place, ...]
    java: str
    classpath: str = field(repr=False)

    @property
    def bootstrap(self) -> str:
        """`host:port`, comma-separated."""
        return ",".join(f"{LOOPBACK}:{place.port}" for place in self.places)


class KafkaNode(SingleServer):
    """A broker that is a controller too. Its log is kept in `directory`."""

    start_within = 60.0
    stop_within = 20.0

    def __init__(
        self, cluster: Cluster, place: Place, directory: Path, *, output: Output | None = None
    ) -> None:
        """Take the cluster it belongs to and its own place in it."""
        name = "kafka" if len(cluster.places) == 1 else f"kafka-{place.node}"
        super().__init__(name, place.port, output)
        self.cluster = cluster
        self.place = place
        self.directory = directory
        self._properties = directory / "server.properties"

    @property
    def bootstrap(self) -> str:
        """`host:port` of this node alone."""
        return f"{LOOPBACK}:{self.place.port}"

    @property
    def url(self) -> str:
        """The address as KAFKA_URL wants it."""
        return f"kafka://{self.bootstrap}"

    def command(self) -> Sequence[str]:
        """Return what to run."""
        return [*self._java(), "kafka.Kafka", str(self._properties)]

    async def answers(self) -> bool:
        """Say whether it answers a metadata request and sees the whole cluster."""
        return await count_brokers(self.bootstrap) == len(self.cluster.places)

    def prepare(self) -> None:
        """Write the properties, and format the storage unless it is. Raises KafkaUnavailable."""
        self.directory.mkdir(parents=True, exist_ok=True)
        # Written each time: the ports may be others than in the last run, the data stays.
        self._properties.write_text(properties(self.cluster, self.place, self.directory))
        if (self.directory / "log" / "meta.properties").exists():
            return
        tool = ["kafka.tools.StorageTool", "format", "-t", self.cluster.identity, "-c", str(self._properties)]
        formatting = subprocess.run(  # noqa: S603 - the command is ours
            [*self._java(), *tool],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if formatting.returncode != 0:
            said = formatting.stdout.decode(errors="replace")
            raise KafkaUnavailable(f"Apache Kafka could not format {self.directory}:\n{said}")

    def _java(self) -> list[str]:
        return [self.cluster.java, *_HEAP, *_LOGGING, "-cp", self.cluster.classpath]


def properties(cluster: Cluster, place: Place, directory: Path) -> str:
    """Return a node's server.properties."""
    count = len(cluster.places)
    voters = ",".join(f"{p.node}@{LOOPBACK}:{p.controller_port}" for p in cluster.places)
    listeners = f"PLAINTEXT://{LOOPBACK}:{place.port},CONTROLLER://{LOOPBACK}:{place.controller_port}"
    values = {
        "process.roles": "broker,controller",
        "node.id": place.node,
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": listeners,
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{place.port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": directory / "log",
        # As in production: a mistyped topic is an error, not a new topic.
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        "broker.session.timeout.ms": 6000,
        "default.replication.factor": count,
        "min.insync.replicas": max(1, count - 1),
        "offsets.topic.replication.factor": count,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": count,
        "transaction.state.log.min.isr": max(1, count - 1),
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": count,
        "share.coordinator.state.topic.min.isr": max(1, count - 1),
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())
