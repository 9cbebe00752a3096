"""Apache Kafka on this machine, without Docker: one broker, or three, with the data kept between runs."""

from __future__ import annotations

import asyncio
import base64
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.local.directory_lock import DirectoryLock
from app.local.java import KafkaUnavailable, find_java
from app.local.kafka_jars import classpath
from app.local.kafka_node import Cluster, KafkaNode, Place
from app.local.kafka_probe import count_brokers
from app.local.ports import free_port
from app.local.process import Output


class Kafka:
    """A cluster of `nodes`; single ones can be killed, paused and restarted by themselves."""

    name = "kafka"
    remembers = True

    def __init__(self, cluster: Cluster, nodes: list[KafkaNode], lock: DirectoryLock) -> None:
        """Take the nodes and the lock on where their data is; `Kafka.prepare` makes them."""
        self.cluster = cluster
        self.nodes = nodes
        self._lock = lock

    @classmethod
    async def prepare(
        cls,
        directory: Path,
        *,
        cache: Path,
        brokers: int = 1,
        port: int | None = None,
        output: Output | None = None,
    ) -> Kafka:
        """Remember in `cache` where the jars are, and format the storage in `directory`, unless that is done.

        `port` is the first broker's, any free one by default. With `output.log` all nodes write to that file.
        Raises KafkaUnavailable with a sentence for the user.
        """
        ports = [port or free_port().number, *(free_port().number for _ in range(brokers - 1))]
        places = tuple(Place(node, port, free_port().number) for node, port in enumerate(ports, start=1))
        return await asyncio.to_thread(_prepare, directory, cache, places, output)

    @property
    def bootstrap(self) -> str:
        """`host:port`, comma-separated, as Kafka clients want it."""
        return self.cluster.bootstrap

    @property
    def url(self) -> str:
        """The address as KAFKA_URL wants it."""
        return f"kafka://{self.bootstrap}"

    @property
    def running(self) -> bool:
        """Whether all nodes are there."""
        return all(node.running for node in self.nodes)

    @property
    def died(self) -> bool:
        """Whether a node ended though nobody stopped it."""
        return any(node.died for node in self.nodes)

    def environment(self) -> dict[str, str]:
        """Return the settings with which our processes use it."""
        return {"KAFKA_URL": self.url, "TOLLBRIDGE_TOPIC_REPLICATION": str(len(self.nodes))}

    async def start(self) -> None:
        """Start all nodes and wait until the cluster is whole. Raises ProcessFailed, KafkaUnavailable."""
        _hold(self._lock)
        try:
            for node in self.nodes:
                node.launch()
            await asyncio.gather(*(node.ready() for node in self.nodes))
        except BaseException:
            await self.kill()
            raise

    async def answers(self) -> bool:
        """Say whether the whole cluster answers."""
        return await count_brokers(self.bootstrap) == len(self.nodes)

    async def stop(self) -> None:
        """End all nodes in good order."""
        await asyncio.gather(*(node.stop() for node in self.nodes))
        self._lock.release()

    async def kill(self) -> None:
        """End all nodes with SIGKILL."""
        await asyncio.gather(*(node.kill() for node in self.nodes))
        self._lock.release()

    async def restart(self) -> None:
        """Stop all nodes, and start them at the same addresses."""
        await self.stop()
        await self.start()

    def obituary(self) -> str:
        """Say which nodes ended and how, with their last lines."""
        return "\n".join(node.obituary() for node in self.nodes if node.died)


def _prepare(directory: Path, cache: Path, places: tuple[Place, ...], output: Output | None) -> Kafka:
    java = find_java()
    jars = classpath(cache)
    directory = directory.resolve()
    lock = DirectoryLock(directory)
    _hold(lock)
    cluster = Cluster(_identity(directory), places, java, jars)
    nodes = [KafkaNode(cluster, place, directory / f"node-{place.node}", output=output) for place in places]
    with ThreadPoolExecutor(len(nodes)) as pool:
        for _ in pool.map(KafkaNode.prepare, nodes):
            pass  # what a node raised is raised here
    return Kafka(cluster, nodes, lock)


def _hold(lock: DirectoryLock) -> None:
    if not lock.acquire():
        raise KafkaUnavailable(
            f"another Kafka runs on the data in {lock.directory}; end the stack that it belongs to first"
        )


def _identity(directory: Path) -> str:
    """Return the cluster's id, made once: 16 bytes in base64, no dash first (it would be an option)."""
    known = directory / "cluster-id"
    if known.exists():
        return known.read_text().strip()
    identity = "-"
    while identity.startswith("-"):
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    directory.mkdir(parents=True, exist_ok=True)
    known.write_text(f"{identity}\n")
    return identity
