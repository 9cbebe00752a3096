"""The lifecycle worker: `python -m app.processes.lifecycle`."""

from __future__ import annotations

import sys
from typing import Any

from agents.lifecycle import Lifecycle
from agents.notes import Notes
from app.kafka.changelogs import changelog_spec
from app.metrics.lifecycle_observer import PrometheusLifecycleObserver
from app.processes.detours import assemble_detours, new_policy
from app.processes.queries import assemble_queries
from app.processes.worker import Parts, Work, main
from tables.lookup import Lookup
from tables.memory import SEEN, SUBSCRIPTIONS, Memory, seen_at
from tables.row import Change
from tables.table import Table
from tables.timeline import TIMELINE, Timeline, without_customer

DAY = 86400


def assemble(parts: Parts) -> Work:
    """Put the lifecycle worker together."""
    settings, app = parts.settings, parts.app
    seen = Table(app, name=SEEN, partitions=settings.topic_partitions, time_of=seen_at)
    subscriptions = Table(app, name=SUBSCRIPTIONS, partitions=settings.topic_partitions)
    timeline = Table(app, name=TIMELINE, partitions=settings.topic_partitions, alias_of=without_customer)
    by_topic: dict[str, Table] = {}
    for table in (seen, subscriptions, timeline):
        app.tables.add(table)
        by_topic[table.changelog_topic.get_topic_name()] = table

    def acknowledged(change: Change, offset: int) -> None:
        by_topic[change.topic].acknowledged(change.partition, offset)

    policy = new_policy(settings)
    detours = assemble_detours(parts, policy)
    lifecycle = Lifecycle(
        memory=Memory(seen, subscriptions),
        timeline=Timeline(timeline, settings.timeline_entries),
        notes=Notes(
            parts.producer,
            parts.clock,
            at_once=max(1, settings.in_flight // 2),
            acknowledged=acknowledged,
            sure=lambda: parts.intake.lease.valid(parts.clock.monotonic()),
            failed=parts.failed,
        ),
        outbox=parts.producer,
        dead_letters=parts.dead_letters,
        observer=PrometheusLifecycleObserver(parts.metrics),
        clock=parts.clock,
        policy=policy,
        detours=detours.detours,
        billing_topic=settings.billing_events_topic,
        type_prefix=settings.event_type_prefix,
        retention=settings.seen_retention_days * DAY,
        generation=lambda: app.consumer_generation_id,
        acknowledged=acknowledged,
        failed=parts.failed,
        tracer=parts.tracer,
    )

    queries, forwarder = assemble_queries(parts, Lookup(subscriptions, timeline))

    async def close() -> None:
        await forwarder.close()
        if detours.close is not None:
            await detours.close()

    async def agent(held_messages: Any) -> None:
        await lifecycle.run(held_messages)

    return Work(
        source=settings.stripe_events_topic,
        agent=agent,
        topics=[*(changelog_spec(settings, topic) for topic in by_topic), *detours.topics],
        checks=detours.checks,
        background=detours.background,
        routes=queries.routes(),
        close=close,
        watched=(SEEN, SUBSCRIPTIONS, TIMELINE),
    )


if __name__ == "__main__":
    sys.exit(main("lifecycle", lambda settings: settings.lifecycle_port, assemble))
