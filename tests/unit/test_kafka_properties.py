"""What a local Kafka node is told."""

from __future__ import annotations

from pathlib import Path

from app.local.kafka_node import Cluster, Place, properties


def parsed(count: int) -> dict[str, str]:
    places = tuple(Place(node, 20000 + node, 21000 + node) for node in range(1, count + 1))
    text = properties(Cluster("identity", places, "java", "jars"), places[0], Path("/data"))
    return dict(line.split("=", 1) for line in text.splitlines())


def test_a_single_broker_needs_no_other_replica_for_anything() -> None:
    values = parsed(1)
    replicas = {value for name, value in values.items() if "replication.factor" in name or "min.isr" in name}
    assert replicas == {"1"}
    assert values["min.insync.replicas"] == "1"


def test_three_brokers_keep_three_copies_and_go_on_without_one() -> None:
    values = parsed(3)
    assert values["default.replication.factor"] == "3"
    assert values["offsets.topic.replication.factor"] == "3"
    assert values["min.insync.replicas"] == "2"
    assert values["controller.quorum.voters"] == "1@127.0.0.1:21001,2@127.0.0.1:21002,3@127.0.0.1:21003"


def test_it_listens_on_the_loopback_interface_only() -> None:
    assert parsed(1)["listeners"] == "PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:21001"


def test_a_mistyped_topic_is_an_error() -> None:
    assert parsed(1)["auto.create.topics.enable"] == "false"
