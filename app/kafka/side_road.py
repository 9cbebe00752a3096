"""Reads a topic beside the worker's own, in a group of its own, at its own pace.

Faust knows one pace for all topics of a worker: one agent that waits stops them all when its buffer is full.
Here nothing waits behind anything else. A batch is fetched, worked through, all of it at once, and committed;
then the next. There are no tables, so a rebalance costs nothing but doing a batch twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import aiokafka
import structlog
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from agents.protocols import Held, Message
from app.kafka.address import aiokafka_security, parse_address
from app.settings import Settings

log = structlog.get_logger()

BATCH = 64
RETRY_SECONDS = 2.0
POLL_MS = 1000
NEVER_MS = 2**31 - 1
"""A poll interval that nothing exceeds: a batch may wait for as long as Stripe is away."""


@dataclass
class _Turn:
    """A message in hand. Fulfils `agents.protocols.Held`."""

    message: Message
    abandoned: bool = False
    settled: bool = False

    def settle(self) -> None:
        """Note that all its effects are durable."""
        self.settled = True


@dataclass
class _Hand(aiokafka.ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """The batch in hand, and that it goes when the partitions go."""

    turns: list[_Turn] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def on_partitions_revoked(self, _revoked: Iterable[TopicPartition]) -> None:
        """Abandon what is in hand; whoever has the partitions next does it again."""
        for turn in self.turns:
            turn.abandoned = True
        self.gone.set()

    def on_partitions_assigned(self, _assigned: Iterable[TopicPartition]) -> None:
        """Begin anew."""
        self.gone.clear()


class SideRoad:
    """Has `handle` work through the messages of `topic`: when it returns, one is settled or abandoned."""

    def __init__(
        self, settings: Settings, topic: str, name: str, handle: Callable[[Held], Awaitable[None]]
    ) -> None:
        """Read in the group `<group_prefix>-<name>`."""
        self._settings = settings
        self._topic = topic
        self._group = f"{settings.group_prefix}-{name}"
        self._handle = handle
        self._hand = _Hand()

    async def run(self) -> None:
        """Work, for ever; Kafka may come and go. Raises Stop when `handle` does."""
        while True:
            try:
                await self._travel()
            except (KafkaError, OSError) as error:
                log.warning("side_road_interrupted", topic=self._topic, why=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _travel(self) -> None:
        settings = self._settings
        consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=parse_address(settings.kafka_url).bootstrap,
            group_id=self._group,
            client_id="tollbridge",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(settings.session_timeout * 1000),
            heartbeat_interval_ms=int(settings.heartbeat_interval * 1000),
            max_poll_interval_ms=NEVER_MS,
            rebalance_timeout_ms=int(settings.rebalance_timeout * 1000),
            **aiokafka_security(settings),
        )
        consumer.subscribe([self._topic], listener=self._hand)
        try:
            await consumer.start()
            while True:
                found = await consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH)
                records = [record for batch in found.values() for record in batch]
                if records and await self._through([_message(record) for record in records]):
                    await consumer.commit(
                        {where: batch[-1].offset + 1 for where, batch in found.items() if batch}
                    )
        finally:
            await consumer.stop()

    async def _through(self, messages: list[Message]) -> bool:
        """Work through a batch; say whether all of it is settled, and may be committed."""
        hand = self._hand
        hand.turns = [_Turn(message) for message in messages]
        tasks = [asyncio.ensure_future(self._handle(turn)) for turn in hand.turns]
        work = asyncio.gather(*tasks)
        gone = asyncio.ensure_future(hand.gone.wait())
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
            return all(turn.settled and not turn.abandoned for turn in hand.turns)
        finally:
            for task in (gone, *tasks):
                task.cancel()
            # Also where one has raised: gather leaves the others running.
            await asyncio.gather(work, gone, *tasks, return_exceptions=True)
            hand.turns = []


def _message(record: Any) -> Message:
    return Message(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value or b"",
        dict(record.headers),
        record.timestamp / 1000,
    )
