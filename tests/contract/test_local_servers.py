"""The servers of the local stack start, answer, come back at the same address, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from nats.js.api import StreamConfig

from app.local.java import KafkaUnavailable, missing
from app.local.kafka import Kafka
from app.local.nats_server import NatsServer
from app.local.process import ProcessFailed
from app.local.server import SingleServer
from app.local.tansu import Tansu
from app.settings import read_settings

JARS = Path(".tollbridge") / "kafka-jars"


def pid_of(server: SingleServer) -> int:
    assert server.pid is not None
    return server.pid


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def write(bootstrap: str, topic: str, value: bytes, replicas: int = 1) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for created in admin.create_topics([NewTopic(topic, 1, replicas)]).values():
        created.result(timeout=10)
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True})
    producer.produce(topic, value)
    assert producer.flush(10) == 0


def read(bootstrap: str, topic: str) -> bytes | None:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "reader",
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000,
        }
    )
    consumer.subscribe([topic])
    message = consumer.poll(20)
    consumer.close()
    return None if message is None else message.value()


@pytest.fixture
async def tansu() -> AsyncIterator[Tansu]:
    server = Tansu()
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path / "nats")
    await server.start()
    yield server
    await server.kill()


@pytest.mark.broker
async def test_tansu_keeps_a_record_that_it_acknowledged(tansu: Tansu) -> None:
    await asyncio.to_thread(write, tansu.bootstrap, "kept", b"value")
    assert await asyncio.to_thread(read, tansu.bootstrap, "kept") == b"value"


@pytest.mark.broker
async def test_tansu_comes_back_at_the_same_address_and_has_forgotten(tansu: Tansu) -> None:
    await asyncio.to_thread(write, tansu.bootstrap, "forgotten", b"value")
    before = tansu.url
    await tansu.restart()
    assert tansu.url == before
    assert await tansu.answers()
    assert not tansu.remembers
    topics = await asyncio.to_thread(
        AdminClient({"bootstrap.servers": tansu.bootstrap}).list_topics, timeout=5
    )
    assert "forgotten" not in topics.topics


@pytest.mark.broker
async def test_a_stopped_server_has_left_no_process_and_does_not_answer(tansu: Tansu) -> None:
    pid = pid_of(tansu)
    await tansu.stop()
    assert gone(pid)
    assert not await tansu.answers()
    assert not tansu.died


@pytest.mark.broker
async def test_a_server_that_somebody_else_killed_is_known_to_have_died(tansu: Tansu) -> None:
    os.kill(pid_of(tansu), 9)
    await asyncio.to_thread(os.waitid, os.P_PID, pid_of(tansu), os.WEXITED | os.WNOWAIT)
    assert tansu.died
    assert "tansu ended by itself with SIGKILL" in tansu.obituary()


@pytest.mark.broker
async def test_a_port_that_is_taken_is_said_before_the_other_server_answers_in_its_name(tansu: Tansu) -> None:
    second = Tansu(tansu.port)
    with pytest.raises(ProcessFailed, match=f"something else listens on port {tansu.port}"):
        await second.start()


def test_tansus_settings_are_settings_that_our_processes_accept() -> None:
    settings = read_settings(Tansu(20000).environment())
    assert settings.kafka_url == "kafka://127.0.0.1:20000"
    assert settings.one_record_batches


async def test_nats_has_jetstream_and_keeps_messages_over_a_kill(nats_server: NatsServer) -> None:
    connection = await nats.connect(nats_server.url)
    stream = connection.jetstream()
    await stream.add_stream(StreamConfig(name="KEPT", subjects=["kept.>"]))
    await stream.publish("kept.one", b"value")
    await connection.close()
    pid = pid_of(nats_server)
    await nats_server.kill()
    assert gone(pid)
    await nats_server.start()
    connection = await nats.connect(nats_server.url)
    message = await connection.jetstream().get_msg("KEPT", 1)
    await connection.close()
    assert message.data == b"value"


async def test_a_frozen_nats_does_not_answer_and_does_again(nats_server: NatsServer) -> None:
    nats_server.pause()
    assert not await nats_server.answers()
    nats_server.resume()
    assert await nats_server.answers()


@pytest.fixture
def kafka_is_here() -> None:
    why = missing()
    if why is not None and os.environ.get("CI") == "true":
        pytest.fail(why)
    if why is not None:
        pytest.skip(why)


@pytest.mark.kafka
@pytest.mark.broker
@pytest.mark.usefixtures("kafka_is_here")
async def test_kafka_keeps_its_data_from_one_run_to_the_next_even_at_another_port(tmp_path: Path) -> None:
    kafka = await Kafka.prepare(tmp_path / "kafka", cache=JARS)
    await kafka.start()
    try:
        await asyncio.to_thread(write, kafka.bootstrap, "kept", b"value")
        pids = [pid_of(node) for node in kafka.nodes]
        await kafka.stop()
        assert all(gone(pid) for pid in pids)
        kafka = await Kafka.prepare(tmp_path / "kafka", cache=JARS)
        await kafka.start()
        assert await asyncio.to_thread(read, kafka.bootstrap, "kept") == b"value"
    finally:
        await kafka.kill()


@pytest.mark.kafka
@pytest.mark.broker
@pytest.mark.usefixtures("kafka_is_here")
async def test_kafka_makes_no_topic_that_nobody_created(tmp_path: Path) -> None:
    kafka = await Kafka.prepare(tmp_path / "kafka", cache=JARS)
    await kafka.start()
    try:
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        await asyncio.to_thread(admin.list_topics, "mistyped", timeout=5)
        assert "mistyped" not in (await asyncio.to_thread(admin.list_topics, timeout=5)).topics
    finally:
        await kafka.kill()


@pytest.mark.kafka
@pytest.mark.broker
@pytest.mark.usefixtures("kafka_is_here")
async def test_a_second_kafka_on_the_same_data_is_refused_in_a_sentence(tmp_path: Path) -> None:
    kafka = await Kafka.prepare(tmp_path / "kafka", cache=JARS)
    with pytest.raises(KafkaUnavailable, match="another Kafka runs on the data in"):
        await Kafka.prepare(tmp_path / "kafka", cache=JARS)
    await kafka.kill()
    await Kafka.prepare(tmp_path / "kafka", cache=JARS)


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.broker
@pytest.mark.usefixtures("kafka_is_here")
async def test_three_brokers_keep_a_record_over_the_kill_of_one(tmp_path: Path) -> None:
    kafka = await Kafka.prepare(tmp_path / "kafka", cache=JARS, brokers=3)
    await kafka.start()
    try:
        await asyncio.to_thread(write, kafka.bootstrap, "kept", b"value", 3)
        await kafka.nodes[0].kill()
        assert not kafka.running
        assert await asyncio.to_thread(read, kafka.bootstrap, "kept") == b"value"
        await kafka.nodes[0].start()
        assert await kafka.answers()
    finally:
        await kafka.kill()
