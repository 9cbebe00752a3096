"""The topics: which there are, how they are kept, and that they are there before anybody starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from agents.errors import Retry, Stop
from app.kafka.address import librdkafka_security, parse_address
from app.kafka.producer_config import largest_record
from app.settings import Settings

log = structlog.get_logger()

FOR_EVER = "-1"
REQUEST_SECONDS = 5.0
DETOUR_DAYS = 35
"""Longer than Stripe can be asked about an event, which is 30 days."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as we need it. `config` is Kafka's own topic configuration."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str] = field(default_factory=dict)


def topic_specs(settings: Settings) -> tuple[TopicSpec, TopicSpec, TopicSpec]:
    """Return the specs of stripe.events, billing.events and dead.letters."""
    kept = {"cleanup.policy": "delete", "retention.ms": FOR_EVER, "retention.bytes": FOR_EVER}
    large = {"max.message.bytes": str(largest_record(settings))}
    return (
        # Everything later can be rebuilt from this one, so it is kept.
        _spec(settings, settings.stripe_events_topic, {**kept, **large}),
        # Long enough for a sink to be away for a long time; it can be told again from stripe.events.
        _spec(
            settings,
            settings.billing_events_topic,
            {
                "cleanup.policy": "delete",
                "retention.ms": str(settings.billing_events_retention_days * 86_400_000),
            },
        ),
        # Nobody may have looked yet.
        _spec(settings, settings.dead_letters_topic, {**kept, **large}),
    )


def detour_spec(settings: Settings, name: str) -> TopicSpec:
    """Return the spec of a topic whose messages come back to stripe.events, which has them for ever."""
    return _spec(
        settings,
        name,
        {
            "cleanup.policy": "delete",
            "retention.ms": str(DETOUR_DAYS * 86_400_000),
            "max.message.bytes": str(largest_record(settings)),
        },
    )


def durable(replication: int) -> dict[str, str]:
    """Return the configuration that makes acks=all mean something, and lets one broker be away."""
    return {
        "min.insync.replicas": str(max(1, replication - 1)),
        # A replica that lacks acknowledged records must not become the leader: better away than wrong.
        "unclean.leader.election.enable": "false",
    }


def ensure_topics(settings: Settings, specs: Sequence[TopicSpec]) -> None:
    """See that every topic is there with its number of partitions. Blocks; call it in a thread.

    Creates the missing ones when `settings.topics_create`; an existing one is only ever checked. Raises
    Retry while Kafka is away, Stop when an operator has to act: a topic is missing and may not be created,
    cannot be created, or has another number of partitions.
    """
    admin = AdminClient(
        {
            "bootstrap.servers": parse_address(settings.kafka_url).bootstrap,
            "client.id": "tollbridge",
            "log_level": 0,  # its complaints come back as exceptions
            **librdkafka_security(settings),
        }
    )
    partitions = _partitions(admin)
    missing = [spec for spec in specs if spec.name not in partitions]
    if missing and not settings.topics_create:
        names = ", ".join(f"{spec.name} ({spec.partitions} partitions)" for spec in missing)
        raise Stop(
            f"Kafka has no topic {names}, and TOLLBRIDGE_TOPICS_CREATE is false: create what is missing, "
            f"or let it be created"
        )
    if missing:
        _create(admin, missing)
        partitions = _partitions(admin) | {spec.name: spec.partitions for spec in missing}
    _check(specs, partitions)


def _spec(settings: Settings, name: str, config: Mapping[str, str]) -> TopicSpec:
    replication = settings.topic_replication
    return TopicSpec(name, settings.topic_partitions, replication, {**durable(replication), **config})


def _partitions(admin: AdminClient) -> dict[str, int]:
    try:
        listed = admin.list_topics(timeout=REQUEST_SECONDS)
    except KafkaException as error:
        raise Retry(f"Kafka does not answer: {error.args[0].str()}") from error
    # A topic whose leaders are being elected is listed with an error, but it is there.
    return {name: len(topic.partitions) for name, topic in listed.topics.items() if topic.partitions}


def _create(admin: AdminClient, specs: Iterable[TopicSpec]) -> None:
    wanted = [
        NewTopic(
            spec.name,
            num_partitions=spec.partitions,
            replication_factor=spec.replication,
            config=dict(spec.config),
        )
        for spec in specs
    ]
    for name, created in admin.create_topics(wanted, operation_timeout=REQUEST_SECONDS).items():
        try:
            created.result()
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            if cause.code() == KafkaError.TOPIC_ALREADY_EXISTS:
                continue  # another process of ours was faster
            if cause.retriable() or cause.code() in _AWAY:
                raise Retry(f"Kafka could not create the topic {name}: {cause.str()}") from error
            raise Stop(
                f"Kafka refuses to create the topic {name}: {cause.str()}. Create it by hand, or mend "
                f"TOLLBRIDGE_TOPIC_REPLICATION, TOLLBRIDGE_TOPIC_PARTITIONS or this user's rights"
            ) from error
        log.info("topic_created", topic=name)


def _check(specs: Iterable[TopicSpec], partitions: Mapping[str, int]) -> None:
    for spec in specs:
        have = partitions[spec.name]
        if have != spec.partitions:
            raise Stop(
                f"The topic {spec.name} has {have} partitions, and {spec.partitions} were expected "
                f"(TOLLBRIDGE_TOPIC_PARTITIONS). Set it to {have} if all topics and tables have that many; "
                f"otherwise make the topic anew: partitions cannot change under existing keys"
            )


# Not named retriable by librdkafka, but gone when the brokers are back: asked too early, or too few are up.
_AWAY = frozenset(
    {
        KafkaError._TRANSPORT,  # noqa: SLF001 - the library's public name for it
        KafkaError._TIMED_OUT,  # noqa: SLF001 - the same
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - the same
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NOT_CONTROLLER,
        KafkaError.BROKER_NOT_AVAILABLE,
    }
)
