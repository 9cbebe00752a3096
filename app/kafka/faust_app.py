"""A Faust application with our consumer in it, and settings that lose nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import faust
import faust.streams

from agents.errors import Stop
from agents.protocols import Message
from app.kafka.address import parse_address
from app.kafka.consumer import Consumer, HandOver, Transport
from app.kafka.faust_credentials import faust_credentials
from app.settings import Settings

STREAM_BUFFER = 512
"""Messages between fetch and agent: more is replayed after a kill and is no faster."""
NEVER = 10 * 365 * 86400.0
"""A poll interval that nothing exceeds: a sink that is down must not cost its worker the partitions."""


class App(faust.App):
    """Faust's application, with a rebalance that is over when it is over."""

    recovering = -1
    """The group's generation whose recovery is at its last steps, or was."""

    def on_rebalance_end(self) -> None:
        """End the rebalance that was recovered from; another may have begun meanwhile.

        Faust asks before its last steps whether the generation is still the same, and a rebalance that begins
        during them has no generation yet. It would end here, and queries be answered from tables that are
        still empty, until the recovery of its own assignment is through.
        """
        consumer = cast("Consumer", self.consumer)
        if consumer.assigned_in != (self.recovering, self.rebalancing_count):
            self.log.info("A rebalance goes on that began while the one before was being recovered from")
            return
        super().on_rebalance_end()


def _note_generation(app: Any, *_args: Any, **_kwargs: Any) -> None:
    app.recovering = app.consumer_generation_id


def build_app(settings: Settings, name: str, hand_over: HandOver) -> faust.App:
    """Return a Faust application called `<group_prefix>-<name>`, which is its consumer group too.

    Raises `Stop` when Faust's compiled stream iterator is missing: its Python twin acks and commits
    events of a past generation, which were never processed (measured on 0.15.3).
    """
    if faust.streams._CStreamIterator is None:  # type: ignore[attr-defined]  # noqa: SLF001 - Faust has no other sign
        raise Stop(
            "Faust's compiled stream iterator is missing, and its Python twin loses events at a rebalance. "
            "Install the faust-streaming wheel for this platform (not its source, and without NO_CYTHON)."
        )
    address = parse_address(settings.kafka_url)
    data_dir = Path(settings.data_dir) / name
    data_dir.mkdir(parents=True, exist_ok=True)
    app = App(
        f"{settings.group_prefix}-{name}",
        broker=address.faust,
        broker_credentials=faust_credentials(settings),
        broker_commit_every=None,
        broker_commit_interval=settings.commit_interval,
        broker_heartbeat_interval=settings.heartbeat_interval,
        broker_max_poll_interval=NEVER,
        broker_rebalance_timeout=settings.rebalance_timeout,
        broker_request_timeout=max(settings.session_timeout, 30.0) + 1.0,
        broker_session_timeout=settings.session_timeout,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance_id,
        datadir=data_dir,
        producer_acks=-1,
        processing_guarantee="at_least_once",
        recovery_consistency_check=True,
        store="rocksdb://",
        stream_buffer_maxsize=STREAM_BUFFER,
        stream_publish_on_commit=False,
        stream_recovery_delay=0.0,
        stream_wait_empty=False,
        table_standby_replicas=settings.standby_replicas,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=settings.topic_partitions,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    # Sent at the first of a recovery's last steps.
    app.on_rebalance_complete.connect(_note_generation)  # type: ignore[arg-type] # the type of mode's handlers fits none
    app.transport = Transport(app.conf.broker_consumer, app, hand_over)
    return app


def declare_topic(app: faust.App, name: str, partitions: int) -> Any:
    """Return Faust's handle on the topic `name`, whose keys and values are bytes."""
    return app.topic(
        name,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        partitions=partitions,
    )


async def messages(stream: Any) -> AsyncIterator[Message]:
    """Turn a Faust stream into messages. Acks nothing: the ledger says what is committed."""
    async for event in stream.noack().events():
        message = event.message
        headers = message.headers or ()
        yield Message(
            message.topic,
            message.partition,
            message.offset,
            message.key,
            message.value or b"",
            dict(headers.items() if isinstance(headers, dict) else headers),
            message.timestamp or 0.0,
        )
