"""A whole Tollbridge on real servers, driven from outside, and read back: the ledger of what went in
against what came out.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import aiohttp
import nats
import orjson
from confluent_kafka import Consumer, TopicPartition
from nats.js.api import ConsumerConfig, DeliverPolicy

from app.local.stack import Stack
from billing.state import SubscriptionState
from tables.row import Origin, supersedes, unpack

OpenRoad = Callable[..., Any]
"""What the fixture `open_road` gives: `async with open_road(settings, **stack_options) as road`."""
RETRIES = 60
ENOUGH = 90.0
"""Seconds that a road may take to catch up; it takes a few, but these machines are shared."""


def signed(body: bytes, secret: str, at: float | None = None) -> str:
    """Stripe's signature header, computed without our code or Stripe's."""
    stamp = int(time.time() if at is None else at)
    mac = hmac.new(secret.encode(), b"%d." % stamp + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={mac}"


class Road:
    """Talks to one stack from outside."""

    def __init__(self, stack: Stack, partitions: int) -> None:
        self.stack = stack
        self.partitions = partitions
        self.statuses: Counter[int] = Counter()

    # In

    async def post(
        self, bodies: Iterable[bytes], *, abreast: int = 8, each_second: float | None = None
    ) -> None:
        """Post each body until it is answered 200, as Stripe does, `abreast` at a time."""
        queue = list(bodies)[::-1]
        pause = abreast / each_second if each_second else 0.0
        async with aiohttp.ClientSession() as http:

            async def sender() -> None:
                while queue:
                    await self._deliver(http, queue.pop())
                    await asyncio.sleep(pause)

            await asyncio.gather(*(sender() for _ in range(abreast)))

    async def post_once(self, body: bytes, headers: Mapping[str, str] | None = None, path: str = "") -> int:
        """Post `body` once, signed unless `headers` say otherwise; return the status."""
        headers = {"Stripe-Signature": signed(body, self.stack.secret)} if headers is None else headers
        async with (
            aiohttp.ClientSession() as http,
            http.post(self.stack.webhook_url + path, data=body, headers=headers) as answer,
        ):
            return answer.status

    async def _deliver(self, http: aiohttp.ClientSession, body: bytes) -> None:
        for _ in range(RETRIES):
            headers = {"Stripe-Signature": signed(body, self.stack.secret)}
            try:
                async with http.post(self.stack.webhook_url, data=body, headers=headers) as answer:
                    self.statuses[answer.status] += 1
                    if answer.status == 200:
                        return
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                self.statuses[0] += 1
            await asyncio.sleep(0.5)
        raise AssertionError(f"a webhook was not taken in {RETRIES} tries: {self.statuses}")

    # Out

    async def openmeter(self) -> set[str]:
        """Ids of the facts that OpenMeter holds, as `account|mode|id`."""
        found: set[str] = set()
        async with aiohttp.ClientSession() as http:
            for customer in await self.customers():
                query = {"subject": customer, "from": "2000-01-01T00:00:00Z", "limit": "100"}
                url = f"{self.stack.setting('OPENMETER_URL')}/api/v1/events"
                async with http.get(url, params=query) as answer:
                    events = await answer.json()
                    assert len(events) < 100, "more events than one page holds"
                    found |= {fact_key(one["event"]) for one in events}
        return found

    async def nats(self) -> Counter[str]:
        """Facts that the stream holds, with how many times."""
        found: Counter[str] = Counter()
        connection = await nats.connect(self.stack.setting("NATS_URL"))
        try:
            stream = connection.jetstream()
            config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
            reader = await stream.pull_subscribe(">", stream="BILLING_EVENTS", config=config)
            while True:
                try:
                    batch = await reader.fetch(500, timeout=0.5)
                except TimeoutError:
                    return found
                found.update(fact_key(orjson.loads(message.data)) for message in batch)
                for message in batch:
                    await message.ack()
        finally:
            await connection.close()

    async def billing_events(self) -> list[dict[str, Any]]:
        """All CloudEvents in billing.events, repetitions included."""
        return [orjson.loads(value) for _, value in await self.read("billing.events") if value is not None]

    async def customers(self) -> set[str]:
        """Customers that billing.events has facts of."""
        return {event["subject"] for event in await self.billing_events()}

    async def dead_letters(self) -> list[bytes]:
        """The bytes of all dead letters."""
        return [value or b"" for _, value in await self.read("dead.letters")]

    async def states(self) -> dict[str, SubscriptionState]:
        """Subscriptions as a recovery from the changelog would have them."""
        rows: dict[bytes, tuple[Origin, bytes]] = {}
        for key, row in await self.read(self.changelog("subscriptions")):
            assert row is not None
            origin, value = unpack(row)
            if key not in rows or supersedes(origin, rows[key][0]):
                rows[key] = (origin, value)
        return {key.decode(): SubscriptionState.decode(value) for key, (_, value) in rows.items()}

    def changelog(self, table: str) -> str:
        return f"tollbridge-lifecycle-{table}-changelog"

    # Kafka

    async def read(self, topic: str) -> list[tuple[bytes, bytes | None]]:
        """All records of `topic`, keys and values."""
        return await asyncio.to_thread(self._read, topic)

    async def by_partition(self, topic: str) -> dict[int, list[tuple[bytes, bytes | None]]]:
        """All records of each partition of `topic`, in order."""
        return await asyncio.to_thread(self._by_partition, topic)

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """The committed offset of each partition; 0 where there is none."""
        return await asyncio.to_thread(self._committed, group, topic)

    async def ends(self, topic: str) -> dict[int, int]:
        """Where each partition ends."""
        return {
            partition: len(records)
            for partition, records in (await asyncio.to_thread(self._by_partition, topic)).items()
        }

    def _consumer(self, group: str = "reader") -> Consumer:
        address = self.stack.setting("KAFKA_URL").removeprefix("kafka://")
        return Consumer(
            {
                "bootstrap.servers": address,
                "group.id": group,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )

    def _read(self, topic: str) -> list[tuple[bytes, bytes | None]]:
        return [record for records in self._by_partition(topic).values() for record in records]

    def _by_partition(self, topic: str) -> dict[int, list[tuple[bytes, bytes | None]]]:
        # To the partition's end as fetches tell it: Tansu's ListOffsets tells a wrong one.
        consumer = self._consumer()
        found: dict[int, list[tuple[bytes, bytes | None]]] = {p: [] for p in range(self.partitions)}
        try:
            consumer.assign([TopicPartition(topic, partition, 0) for partition in range(self.partitions)])
            left = set(range(self.partitions))
            while left:
                message = consumer.poll(10)
                assert message is not None, f"{topic} cannot be read"
                partition = message.partition()
                assert partition is not None
                if message.error():
                    left.discard(partition)
                else:
                    found[partition].append((message.key() or b"", message.value()))
        finally:
            consumer.close()
        return found

    def _committed(self, group: str, topic: str) -> dict[int, int]:
        consumer = self._consumer(group)
        try:
            partitions = [TopicPartition(topic, partition) for partition in range(self.partitions)]
            return {one.partition: max(0, one.offset) for one in consumer.committed(partitions, timeout=10)}
        finally:
            consumer.close()

    # The ledger

    async def settled(self, expected: set[str]) -> None:
        """Wait until billing.events, OpenMeter and NATS hold `expected`; then see that they hold no more."""
        without = self.stack.options.without
        if "openmeter" not in without:
            await self.openmeter_holds(expected)
        if "nats" not in without:
            await self.nats_holds(expected)

    async def openmeter_holds(self, expected: set[str]) -> None:
        """Wait until OpenMeter holds `expected`; then see that it holds no more."""
        await eventually(lambda: self._holds(self.openmeter, expected))
        assert await self.openmeter() == expected

    async def nats_holds(self, expected: set[str]) -> None:
        """Wait until the stream holds `expected`; then see that it holds no more, and nothing twice."""
        await eventually(lambda: self._holds(self.nats, expected))
        held = await self.nats()
        assert set(held) == expected
        assert [key for key, count in held.items() if count > 1] == []

    async def _holds(self, read: Callable[[], Awaitable[Iterable[str]]], expected: set[str]) -> str | None:
        missing = expected - set(await read())
        return (
            f"{len(missing)} of {len(expected)} facts are missing, such as {sorted(missing)[:3]}"
            if missing
            else None
        )

    async def all_committed(self, groups: Sequence[tuple[str, str]]) -> None:
        """Wait until each group has committed all of its topic."""

        async def lag() -> str | None:
            for group, topic in groups:
                committed, ends = await self.committed(group, topic), await self.ends(topic)
                assert all(committed[p] <= ends[p] for p in ends), (
                    f"{group} committed ahead: {committed} {ends}"
                )
                if committed != ends:
                    return f"{group} has committed {committed} of {ends}"
            return None

        await eventually(lag)


async def eventually(wrong: Callable[[], Awaitable[str | None]], within: float = ENOUGH) -> None:
    """Ask until nothing is wrong; fail with the last answer after `within` seconds."""
    deadline = time.monotonic() + within
    while (answer := await wrong()) is not None:
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.3)


def fact_key(event: Mapping[str, Any]) -> str:
    """A CloudEvent's identity in the model's words: account|mode|id."""
    *_, account, mode = event["source"].split("/")
    return f"{account}|{mode}|{event['id']}"
