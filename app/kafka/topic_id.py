"""The id that Kafka gave a topic when it was made: another topic of the same name has another (KIP-516)."""

from __future__ import annotations

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from agents.errors import Retry
from app.kafka.address import librdkafka_security, parse_address
from app.kafka.topics import REQUEST_SECONDS
from app.settings import Settings

_NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"
"""Sixteen zero bytes in Base64, from a broker that is older than topic ids (2.8)."""


def topic_id(settings: Settings, name: str) -> str:
    """Return the id of the topic `name`, in Base64. Blocks; call it in a thread.

    Raises Retry when Kafka does not say.
    """
    admin = AdminClient(
        {
            "bootstrap.servers": parse_address(settings.kafka_url).bootstrap,
            "client.id": "tollbridge",
            "log_level": 0,  # its complaints come back as exceptions
            **librdkafka_security(settings),
        }
    )
    try:
        described = admin.describe_topics(TopicCollection([name]), request_timeout=REQUEST_SECONDS)[name]
        found = str(described.result(REQUEST_SECONDS).topic_id)
    except KafkaException as error:
        raise Retry(f"Kafka does not say the id of {name}: {error.args[0].str()}") from error
    except TimeoutError as error:
        raise Retry(f"Kafka does not say the id of {name}") from error
    if found in (_NO_ID, "None"):
        raise Retry(f"Kafka has no id for {name}; it is older than 2.8")
    return found
