"""The lifecycle worker's two detours, put together: reads from Stripe, and the wait for a subject."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from agents.detour import Detours
from agents.stripe_answers import StripeAnswers
from agents.stripe_reads import StripeReads
from agents.token_bucket import TokenBucket
from agents.waiting_room import WaitingRoom
from app.health.checks import READY, Check, Result
from app.kafka.side_road import SideRoad
from app.kafka.topics import TopicSpec, detour_spec
from app.metrics.stripe_observer import PrometheusStripeObserver
from app.processes.sink import new_backoff, new_breaker
from app.processes.worker import Parts
from app.settings import Settings
from app.stripe_api.client import connect, readable_modes
from billing.decide import Policy
from billing.subject_rule import parse_subject_rule

WAIT_SECONDS = 5
"""Seconds until an event that waits for another comes again; less where a checkout has less patience."""
BURST = 10
"""Reads that may leave at once after a quiet time."""


@dataclass
class DetourParts:
    """What the worker needs of its detours; without a key for Stripe there are no reads."""

    detours: Detours
    topics: list[TopicSpec] = field(default_factory=list)
    background: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    checks: dict[str, Check] = field(default_factory=dict)
    close: Callable[[], Awaitable[None]] | None = None


def new_policy(settings: Settings) -> Policy:
    """Return what the settings say of meaning."""
    return Policy(
        livemode=settings.livemode,
        tell_zero_payments=settings.tell_zero_payments,
        subject=parse_subject_rule(settings.subject),
        patience=settings.subject_patience,
        checkout_patience=settings.checkout_patience,
        reads=readable_modes(settings),
    )


def assemble_detours(parts: Parts, policy: Policy) -> DetourParts:
    """Put together the wait, and the reads if there is a key."""
    settings = parts.settings
    made = DetourParts(Detours(settings.stripe_reads_topic, settings.stripe_waiting_topic))
    # Always there, whatever may wait: what an earlier rule or patience has put off still has to come back.
    stay = min(WAIT_SECONDS, policy.checkout_patience or WAIT_SECONDS)
    room = WaitingRoom(settings.stripe_events_topic, stay, parts.producer, parts.clock)
    made.topics.append(detour_spec(settings, settings.stripe_waiting_topic))
    made.background.append(SideRoad(settings, settings.stripe_waiting_topic, "waiting", room.handle).run)
    if settings.stripe_api_key is not None:
        api = connect(settings, parts.clock)
        bucket = TokenBucket(settings.stripe_api_rate, BURST, parts.clock)
        reads = StripeReads(
            StripeAnswers(api, bucket, parts.clock),
            parts.producer,
            parts.dead_letters,
            new_breaker(settings),
            parts.clock,
            observer=PrometheusStripeObserver(parts.metrics),
            backoff=new_backoff(),
            topic=settings.stripe_events_topic,
        )
        made.topics.append(detour_spec(settings, settings.stripe_reads_topic))
        made.background.append(SideRoad(settings, settings.stripe_reads_topic, "reads", reads.handle).run)
        made.checks["stripe"] = _check(reads)
        made.close = api.close
    return made


def _check(reads: StripeReads) -> Check:
    def check() -> Result:
        trouble = reads.trouble
        if trouble is None:
            return READY
        return Result(
            "degraded", f"Stripe is not being asked, and what is to be read waits in Kafka: {trouble}"
        )

    return check
