"""Ask a broker whether it answers, as a client would."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

_quiet = logging.getLogger(f"{__name__}.librdkafka")
_quiet.disabled = True  # a broker that is not there yet is no news


async def count_brokers(bootstrap: str, within: float = 2.0) -> int:
    """Return how many brokers the cluster at `bootstrap` reports, 0 when nothing answers in time."""
    host, _, port = bootstrap.partition(",")[0].rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return 0
    writer.close()
    return await asyncio.to_thread(_count, bootstrap, within)


def _count(bootstrap: str, within: float) -> int:
    settings: dict[str, Any] = {"bootstrap.servers": bootstrap, "error_cb": lambda _: None}
    admin = AdminClient(settings, logger=_quiet)
    try:
        return len(admin.list_topics(timeout=within).brokers)
    except KafkaException:
        return 0
