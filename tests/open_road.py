"""Real brokers for the integration and fault tests: Tansu, and Apache Kafka where Java and Maven are.

Each test has a broker of its own, so that none sees another's topics or groups. In CI a missing Kafka is a
failure, not a skip.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from app.local.java import missing
from app.local.stack import Stack
from app.local.stack_options import StackOptions
from tests.road import OpenRoad, Road

PARTITIONS = 4
QUICK = {
    "TOLLBRIDGE_TOPIC_PARTITIONS": str(PARTITIONS),
    "TOLLBRIDGE_SESSION_TIMEOUT": "6",
    "TOLLBRIDGE_HEARTBEAT_INTERVAL": "1",
    "TOLLBRIDGE_DELIVERY_TIMEOUT": "3",
    "TOLLBRIDGE_REBALANCE_TIMEOUT": "8",
    "TOLLBRIDGE_BREAKER_RESET_MAX": "2",
    "TOLLBRIDGE_OPENMETER_BATCH_AGE": "0.1",
}
"""Settings with which faults are noticed in seconds."""


@pytest.fixture(params=["tansu", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Literal["tansu", "kafka"]:
    """The kind of broker that a test runs on; each test runs on both."""
    kind: Literal["tansu", "kafka"] = request.param
    if kind == "kafka":
        _kafka_or_skip()
    return kind


@pytest.fixture
def open_road(broker: Literal["tansu", "kafka"], tmp_path: Path) -> OpenRoad:
    """Start a whole Tollbridge on a fresh broker: `async with open_road(**options) as road`."""

    @asynccontextmanager
    async def opened(settings: dict[str, str] | None = None, **options: Any) -> AsyncIterator[Road]:
        logs = tmp_path / "logs"
        logs.mkdir(exist_ok=True)
        stack = Stack(
            StackOptions(
                broker=broker,
                home=tmp_path,
                logs=logs,
                sandbox_control=True,
                settings={**QUICK, **(settings or {})},
                **options,
            )
        )
        async with stack:
            yield Road(stack, PARTITIONS)

    return opened


def _kafka_or_skip() -> None:
    why = missing()
    if why is not None and os.environ.get("CI") == "true":
        pytest.fail(why)
    if why is not None:
        pytest.skip(why)
