"""A whole Tollbridge as a real Prometheus sees it: at work, with both sinks gone, and catching up.

What the exporters of NATS and Kafka would show is made up (tests/exposition); all else is measured.
TOLLBRIDGE_PICTURES=1 makes it take a few minutes and draws docs/dashboards anew.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from app.local.stack import Stack
from app.local.stack_options import StackOptions
from app.metrics.vocabulary import vocabulary
from grafana.boards import BOARDS
from grafana.picture import picture
from tests import stripe_shapes as shapes
from tests.exporters import exporters
from tests.open_road import PARTITIONS, QUICK
from tests.prometheus import Prometheus, program, run
from tests.queries import plain
from tests.road import Road, eventually
from tests.town import bodies, town

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
PICTURES = os.environ.get("TOLLBRIDGE_PICTURES") == "1"
PHASE = 60.0 if PICTURES else 6.0
"""Seconds that each phase lasts at least."""
EACH_SECOND = 25.0
FORGERIES = int(EACH_SECOND * PHASE * 0.5)
"""Enough for an alert: more than a fifth of all webhooks."""
ONLY_IN_TROUBLE = {
    "tollbridge_kafka_undelivered_total",  # no series before Kafka fails
}
SINKS = ("openmeter", "nats")
SENT = {"openmeter": "openmeter_events_sent_total", "nats": "nats_messages_published_total"}


class Watched:
    """A road, and the Prometheus that looks at it."""

    def __init__(self, road: Road, prometheus: Prometheus) -> None:
        self.road = road
        self.prometheus = prometheus
        self.began = time.time()
        self._town = iter(bodies(town(seed=7, customers=600)))

    async def drive(self, seconds: float) -> None:
        """Post events at an even pace, one of eight of them twice."""
        count = int(seconds * EACH_SECOND)
        events = [next(self._town) for _ in range(count)]
        twice = [
            body for number, one in enumerate(events) for body in ([one, one] if number % 8 == 0 else [one])
        ]
        await self.road.post(twice, abreast=4, each_second=EACH_SECOND)

    async def value(self, expression: str) -> float | None:
        return await asyncio.to_thread(self.prometheus.value, expression)

    async def becomes(self, expression: str, wanted: float, within: float = 30.0) -> None:
        async def wrong() -> str | None:
            value = await self.value(expression)
            return None if value == wanted else f"{expression} is {value}, not {wanted}"

        await eventually(wrong, within)

    async def caught_up(self) -> None:
        await self.becomes("sum(tollbridge_lag_messages) + sum(tollbridge_in_flight_messages)", 0, 60.0)


async def test_every_panel_and_rule_sees_the_road_at_work_and_in_trouble(tmp_path: Path) -> None:
    program("prometheus")
    options = StackOptions(home=tmp_path, logs=tmp_path / "logs", settings=QUICK)
    rules = ROOT / "k8s" / "monitoring" / "tollbridge.rules.yaml"
    async with exporters() as made_up, Stack(options) as stack:
        targets = {
            name: f"{one.url.removeprefix('http://')}/metrics" for name, one in stack.applications.items()
        }
        prometheus = Prometheus(
            tmp_path,
            {**targets, "nats-exporter": f"{made_up}/nats", "kafka-exporter": f"{made_up}/kafka"},
            rules,
        )
        await prometheus.start()
        try:
            watched = Watched(Road(stack, PARTITIONS), prometheus)
            await at_work(watched)
            await strangers(watched)
            await without_sinks(watched, stack)
            await caught_up_again(watched, stack)
            await asyncio.to_thread(every_name_is_linted, targets)
            # In threads: the exporters answer from this loop.
            await asyncio.to_thread(every_metric_is_seen, prometheus)
            await asyncio.to_thread(every_rule_evaluates, prometheus)
            await asyncio.to_thread(every_panel_has_data, watched)
            if PICTURES:
                await asyncio.to_thread(draw, watched)
        finally:
            await prometheus.stop()


async def at_work(watched: Watched) -> None:
    await watched.drive(PHASE)
    await watched.caught_up()
    for sink in SINKS:
        assert await watched.value(f'tollbridge_circuit_state{{sink="{sink}"}}') == 0
    accepted = await watched.value('sum(stripe_webhooks_received_total{outcome="accepted"})')
    assert accepted == watched.road.statuses[200]
    assert (
        await watched.value('sum(tollbridge_webhooks_verified_total{endpoint="default", secret="0"})')
        == accepted
    )
    assert await watched.value("sum(tollbridge_stripe_api_version_events_total)") == accepted
    duplicates = await watched.value('sum(tollbridge_events_total{decision="duplicate"})')
    assert duplicates is not None
    assert duplicates > 0
    assert await watched.value("count(count by (process) (tollbridge_rebalances_total > 0))") == 3
    assert await watched.value("min(tollbridge_table_keys) > bool 0") == 1
    assert await watched.value("min(tollbridge_table_bytes) > bool 0") == 1


async def strangers(watched: Watched) -> None:
    """A forger, an unknown endpoint, and an invoice of nobody's."""
    road = watched.road
    forged = {"Stripe-Signature": f"t={int(time.time())},v1={'0' * 64}"}
    for _ in range(FORGERIES):
        assert await road.post_once(b"{}", forged) == 400
    assert await road.post_once(b"{}", forged, "/nobodys") == 404
    nobodys = shapes.body(
        {
            "id": "evt_nobodys",
            "object": "event",
            "type": "invoice.paid",
            "created": int(time.time()),
            "livemode": True,
            "data": {"object": {"id": "in_1", "object": "invoice"}},
        }
    )
    assert await road.post_once(nobodys) == 200
    await watched.becomes('sum(tollbridge_dead_letters_total{stage="lifecycle"})', 1)
    await watched.becomes('sum(ALERTS{alertname="TollbridgeDeadLetters", alertstate="firing"})', 1)
    await watched.becomes('sum(stripe_webhooks_received_total{outcome="bad_signature"})', FORGERIES)
    await watched.becomes('sum(ALERTS{alertname="TollbridgeSignatureFailures", alertstate="firing"})', 1)
    await watched.becomes('sum(stripe_webhooks_received_total{endpoint="other"})', 1)


async def without_sinks(watched: Watched, stack: Stack) -> None:
    assert stack.sandbox is not None
    assert stack.nats_server is not None
    await asyncio.gather(stack.sandbox.stop(), stack.nats_server.stop())
    before = watched.road.statuses[200]
    await watched.drive(PHASE)
    assert watched.road.statuses[200] > before
    for sink in SINKS:
        await watched.becomes(f'tollbridge_circuit_opened_total{{sink="{sink}"}} > bool 0', 1)
        await watched.becomes(f'tollbridge_circuit_state{{sink="{sink}"}} > bool 0', 1)
        await watched.becomes(f'sum(tollbridge_lag_messages{{process="{sink}"}}) > bool 50', 1)
        away = f'time() - tollbridge_circuit_since_timestamp_seconds{{sink="{sink}"}}'
        await watched.becomes(f"{away} > bool 3", 1)
        await watched.becomes(f'tollbridge_oldest_in_flight_seconds{{process="{sink}"}} > bool 3', 1)
    # An idle sink fetches nothing, yet its backlog is seen to grow, to the last message.
    told = "sum(tollbridge_facts_total)"
    held = await watched.value(told)
    await watched.drive(2)
    await watched.becomes(f"{told} > bool {held}", 1)
    for sink in SINKS:
        waits = f'sum(tollbridge_lag_messages{{process="{sink}"}})'
        settled = f"sum({SENT[sink]}{{outcome=~'accepted|duplicate'}})"
        await watched.becomes(f"{waits} + {settled} == bool {told}", 1)


async def caught_up_again(watched: Watched, stack: Stack) -> None:
    assert stack.sandbox is not None
    assert stack.nats_server is not None
    await asyncio.gather(stack.sandbox.start(), stack.nats_server.start())
    for sink in SINKS:
        await watched.becomes(f'tollbridge_circuit_state{{sink="{sink}"}}', 0)
    await watched.drive(PHASE / 2)
    await watched.caught_up()
    for sink in SINKS:
        assert await watched.value(f'tollbridge_retries_total{{sink="{sink}"}} > bool 0') == 1


def every_name_is_linted(targets: Mapping[str, str]) -> None:
    for name, target in targets.items():
        shown = httpx.get(f"http://{target}", trust_env=False).text
        checked = run("promtool", "check", "metrics", stdin=shown)
        assert (name, checked.returncode, checked.stdout + checked.stderr) == (name, 0, "")


def every_metric_is_seen(prometheus: Prometheus) -> None:
    seen = set(prometheus.get("label/__name__/values"))
    for declared in vocabulary():
        name = declared.spec.name + ("_bucket" if declared.kind == "histogram" else "")
        assert name in seen or name in ONLY_IN_TROUBLE, f"{name} was never exposed"


def every_rule_evaluates(prometheus: Prometheus) -> None:
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []
    firing = {rule["name"] for rule in rules if rule.get("state") == "firing"}
    assert "TollbridgeDeadLetters" in firing
    assert not firing & {"TollbridgeProcessDown", "TollbridgeAvailabilityBurn", "TollbridgeNoWebhooks"}


def every_panel_has_data(watched: Watched) -> None:
    end = time.time()
    without = [
        f"{board.uid}: {panel.title}: {query.expr}"
        for board in BOARDS
        for panel in board.panels
        for query in panel.queries
        if not any(points for _, points in watched.prometheus.over(plain(query.expr), watched.began, end, 1))
    ]
    assert without == []


def draw(watched: Watched) -> None:
    end = time.time()
    step = (end - watched.began) / 180
    for board in BOARDS:
        dashboard = json.loads((ROOT / "grafana" / "dashboards" / f"{board.uid}.json").read_text())
        drawn = picture(
            dashboard,
            lambda expr: watched.prometheus.over(plain(expr), watched.began, end, step),
            watched.began,
            end,
        )
        (ROOT / "docs" / "dashboards" / f"{board.uid}.svg").write_text(drawn)
