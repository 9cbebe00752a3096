"""The door's memory as the settings want it."""

from __future__ import annotations

import asyncio

import structlog

from agents.clock import Clock
from agents.errors import Retry
from app.kafka.topic_id import topic_id
from app.metrics.registry import Metrics
from app.redis_memory.client import Client
from app.redis_memory.memory import RedisMemory
from app.settings import Settings, SettingsError

log = structlog.get_logger()

AGAIN_SECONDS = 30.0


def build_memory(settings: Settings, clock: Clock, metrics: Metrics) -> RedisMemory | None:
    """Return the memory in Redis, or None without REDIS_URL. Connects to nothing. Raises SettingsError."""
    if settings.redis_url is None:
        return None
    try:
        client = Client(settings.redis_url.get_secret_value(), settings.redis_ttl)
    except (ValueError, TypeError):
        # The cause would name the address, which may hold a password.
        raise SettingsError(
            "REDIS_URL: it cannot be read; give an address such as redis://redis:6379/0"
        ) from None
    return RedisMemory(
        client,
        timeout=settings.redis_timeout,
        prefix=settings.redis_prefix,
        clock=clock,
        metrics=metrics,
    )


async def open_memory(memory: RedisMemory, settings: Settings, clock: Clock) -> None:
    """Let `memory` be used, as soon as Kafka has said the id of the topic of webhooks."""
    while True:
        try:
            found = await asyncio.to_thread(topic_id, settings, settings.stripe_events_topic)
        except Retry as error:
            log.warning("redis_not_used_yet", why=error.detail)
            await clock.sleep(AGAIN_SECONDS)
        else:
            await memory.open(found)
            log.info("redis_asked", detail=memory.detail)
            return
