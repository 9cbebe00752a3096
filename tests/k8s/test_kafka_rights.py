"""The four processes on a real Kafka with exactly the topics and rights of the manifests, by SASL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not re-exported by name
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from app.local.application import PROCESS_NAMES, Application, ProcessName
from app.local.java import KafkaUnavailable
from app.local.kafka import Kafka
from app.local.nats_server import NatsServer
from app.local.ports import LOOPBACK, free_port
from app.local.process import Output
from app.local.sandbox_server import OpenMeterSandbox
from app.local.stack_options import HOME
from tests.k8s.rendered import ROOT, Manifest, cannot, render
from tests.road import signed
from tests.stripe_shapes import checkout_session, event
from tests.town import bodies, town

pytestmark = [pytest.mark.kafka, pytest.mark.broker, pytest.mark.slow]

SECRET = "whsec_made_up"
USERS: dict[ProcessName, str] = {
    "ingress": "tollbridge-ingress",
    "lifecycle": "tollbridge-lifecycle",
    "openmeter": "tollbridge-openmeter",
    "nats": "tollbridge-nats-sink",
}


def _password(user: str) -> str:
    return f"made-up-{user}"


@contextlib.asynccontextmanager
async def _guarded_kafka(home: Path) -> AsyncIterator[tuple[Kafka, int]]:
    """A Kafka that lets nobody do anything without a right; its first listener is the administrator's."""
    try:
        kafka = await Kafka.prepare(home, cache=ROOT / HOME / "kafka-jars", output=Output(log=home / "log"))
    except KafkaUnavailable as error:
        cannot(str(error))
        raise
    port, node = free_port().number, kafka.nodes[0]
    file = node.directory / "server.properties"
    known = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    users = " ".join(f'user_{user}="{_password(user)}"' for user in USERS.values())
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    mapping = known["listener.security.protocol.map"]
    known |= {
        "listeners": f"{known['listeners']},GUARDED://{LOOPBACK}:{port}",
        "advertised.listeners": f"{known['advertised.listeners']},GUARDED://{LOOPBACK}:{port}",
        "listener.security.protocol.map": f"{mapping},GUARDED:SASL_PLAINTEXT",
        "listener.name.guarded.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.guarded.plain.sasl.jaas.config": f"{module} {users};",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "false",
        "auto.create.topics.enable": "false",
    }
    file.write_text("\n".join(f"{name}={value}" for name, value in known.items()) + "\n")
    await kafka.start()
    try:
        yield kafka, port
    finally:
        await kafka.kill()


def _provide(kafka: Kafka, manifests: list[Manifest]) -> None:
    """Do what Strimzi's operators do: topics and rights."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    topics = [
        NewTopic(
            one["metadata"]["name"],
            num_partitions=one["spec"]["partitions"],
            replication_factor=one["spec"]["replicas"],
            config={key: str(value).lower() for key, value in one["spec"]["config"].items()},
        )
        for one in manifests
        if one["kind"] == "KafkaTopic"
    ]
    rights = [
        AclBinding(
            ResourceType[acl["resource"]["type"].upper()],
            acl["resource"]["name"],
            ResourcePatternType.LITERAL,
            f"User:{one['metadata']['name']}",
            "*",
            AclOperation[operation.upper()],
            AclPermissionType.ALLOW,
        )
        for one in manifests
        if one["kind"] == "KafkaUser"
        for acl in one["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
    ]
    for done in (*admin.create_topics(topics).values(), *admin.create_acls(rights).values()):
        done.result()


async def _told(url: str, customers: set[str]) -> int:
    """How many events OpenMeter holds."""
    found = 0
    async with aiohttp.ClientSession() as http:
        for customer in customers:
            query = {"subject": customer, "from": "2000-01-01T00:00:00Z", "limit": "100"}
            async with http.get(f"{url}/api/v1/events", params=query) as answer:
                found += len(await answer.json())
    return found


async def test_the_rights_of_the_manifests_are_enough_for_all_four_processes(tmp_path: Path) -> None:
    async with _guarded_kafka(tmp_path / "kafka") as (kafka, port), contextlib.AsyncExitStack() as stack:
        await asyncio.to_thread(_provide, kafka, render("local"))
        nats = NatsServer(tmp_path / "nats", output=Output(log=tmp_path / "nats.log"))
        openmeter = OpenMeterSandbox(free_port().number)
        applications: dict[ProcessName, Application] = {}
        for process in PROCESS_NAMES:
            settings = {
                "KAFKA_URL": f"kafka://{LOOPBACK}:{port}",
                "KAFKA_USERNAME": USERS[process],
                "KAFKA_PASSWORD": _password(USERS[process]),
                "KAFKA_SASL_MECHANISM": "PLAIN",
                "NATS_URL": nats.url,
                "OPENMETER_URL": openmeter.url,
                "STRIPE_WEBHOOK_SECRETS": SECRET,
                "TOLLBRIDGE_TOPICS_CREATE": "false",
                "TOLLBRIDGE_DATA_DIR": str(tmp_path / "tables"),
                "TOLLBRIDGE_SESSION_TIMEOUT": "20",
            }
            log = Output(log=tmp_path / f"{process}.log")
            applications[process] = Application(process, free_port().number, settings, output=log)
        for server in (nats, openmeter, *applications.values()):
            stack.push_async_callback(server.kill)
        await asyncio.gather(nats.start(), openmeter.start())
        await asyncio.gather(*(one.start() for one in applications.values()))

        history = town(1, customers=3)
        # Its subscription never comes: it has to wait, and to come back.
        alone = checkout_session("cs_alone", customer="cus_1x0", subscription="sub_alone")
        history.events.append(event("checkout.session.completed", alone, event_id="evt_alone"))
        history.facts.add("platform|live|subscription.started:sub_alone")
        async with aiohttp.ClientSession() as http:
            for body in bodies(history):
                headers = {"Stripe-Signature": signed(body, SECRET)}
                url = f"{applications['ingress'].url}/webhooks/stripe"
                async with http.post(url, data=body, headers=headers) as answer:
                    assert answer.status == 200, await answer.text()
        customers = {f"cus_1x{number}" for number in range(3)}
        async with asyncio.timeout(60):
            while await _told(openmeter.url, customers) < len(history.facts):  # noqa: ASYNC110 - from outside
                await asyncio.sleep(0.2)
        for process, application in applications.items():
            assert application.running, process
            text = (tmp_path / f"{process}.log").read_text()
            assert "AUTHORIZATION_FAILED" not in text.upper().replace(" ", "_"), process

        sink = AdminClient(
            {
                "bootstrap.servers": f"{LOOPBACK}:{port}",
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "PLAIN",
                "sasl.username": USERS["ingress"],
                "sasl.password": _password(USERS["ingress"]),
            }
        )
        with pytest.raises(KafkaException, match=r"(?i)authoriz"):
            sink.delete_topics(["billing.events"])["billing.events"].result()
