"""The broker of a run: Apache Kafka, which is what counts; Tansu where Java or Maven are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from app.local.java import missing
from app.local.kafka import Kafka
from app.local.process import Output
from app.local.server import Broker
from app.local.stack_options import HOME
from app.local.tansu import Tansu

BrokerName = Literal["kafka", "tansu"]
TITLES: dict[BrokerName, str] = {"kafka": "Apache Kafka, one broker", "tansu": "Tansu, in memory"}


def choose() -> tuple[BrokerName, str | None]:
    """Return the broker that this machine can run and, when it is not Apache Kafka, a sentence on why."""
    why = missing()
    if why is None:
        return "kafka", None
    return "tansu", f"{why}. So this run uses Tansu, whose figures say little about Kafka."


async def make(name: BrokerName, directory: Path) -> Broker:
    """Return a broker that keeps its data in `directory`, not yet started. Raises KafkaUnavailable."""
    output = Output(log=directory / "broker.log")
    if name == "tansu":
        return Tansu(output=output)
    return await Kafka.prepare(directory / "kafka", cache=HOME / "kafka-jars", output=output)
