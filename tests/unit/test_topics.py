"""The topics are there, as they must be, before anybody starts."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.cimpl import NewTopic

from agents.errors import Retry, Stop
from app.kafka import topics
from app.kafka.topics import TopicSpec, ensure_topics, topic_specs
from app.settings import Settings, read_settings


class FakeAdmin:
    """The two calls of AdminClient that are used, over a dict of partitions by topic."""

    def __init__(self, have: dict[str, int], *, away: bool = False, refusal: int | None = None) -> None:
        self.have = have
        self.away = away
        self.refusal = refusal
        self.created: list[NewTopic] = []

    def list_topics(self, timeout: float) -> SimpleNamespace:
        if self.away:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        assert timeout > 0
        return SimpleNamespace(
            topics={
                name: SimpleNamespace(partitions=dict.fromkeys(range(n))) for name, n in self.have.items()
            }
        )

    def create_topics(self, wanted: list[NewTopic], operation_timeout: float) -> dict[str, Future[None]]:
        assert operation_timeout > 0
        answers: dict[str, Future[None]] = {}
        for topic in wanted:
            answers[topic.topic] = Future()
            if self.refusal is None:
                self.created.append(topic)
                self.have[topic.topic] = topic.num_partitions
                answers[topic.topic].set_result(None)
            else:
                answers[topic.topic].set_exception(KafkaException(KafkaError(self.refusal)))
        return answers


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> FakeAdmin:
    admin = FakeAdmin({})
    monkeypatch.setattr(topics, "AdminClient", lambda _: admin)
    return admin


@pytest.fixture
def settings() -> Settings:
    return read_settings({})


def test_missing_topics_are_created_with_their_partitions_and_configuration(
    kafka: FakeAdmin, settings: Settings
) -> None:
    ensure_topics(settings, topic_specs(settings))
    assert kafka.have == {"stripe.events": 8, "billing.events": 8, "dead.letters": 8}
    config = {topic.topic: topic.config for topic in kafka.created}
    assert config["stripe.events"] is not None
    assert config["stripe.events"]["retention.ms"] == "-1"
    assert config["dead.letters"] is not None
    assert config["dead.letters"]["retention.ms"] == "-1"


def test_what_is_there_is_left_alone(kafka: FakeAdmin, settings: Settings) -> None:
    kafka.have = {"stripe.events": 8, "billing.events": 8, "dead.letters": 8, "another": 3}
    ensure_topics(settings, topic_specs(settings))
    assert kafka.created == []


def test_a_changelog_is_created_like_any_other(kafka: FakeAdmin, settings: Settings) -> None:
    ensure_topics(settings, [TopicSpec("a-changelog", 4, 1, {"cleanup.policy": "compact"})])
    assert kafka.created[0].config == {"cleanup.policy": "compact"}


def test_a_missing_topic_stops_the_start_where_it_may_not_be_created(kafka: FakeAdmin) -> None:
    settings = read_settings({"TOLLBRIDGE_TOPICS_CREATE": "false"})
    kafka.have = {"stripe.events": 8, "billing.events": 8}
    with pytest.raises(Stop, match=r"no topic dead\.letters \(8 partitions\).*TOLLBRIDGE_TOPICS_CREATE"):
        ensure_topics(settings, topic_specs(settings))
    assert kafka.created == []


def test_another_number_of_partitions_stops_the_start(kafka: FakeAdmin, settings: Settings) -> None:
    kafka.have = {"stripe.events": 8, "billing.events": 6, "dead.letters": 8}
    with pytest.raises(Stop, match=r"billing\.events has 6 partitions, and 8 were expected.*Set it to 6"):
        ensure_topics(settings, topic_specs(settings))


def test_two_processes_that_create_at_once_do_no_harm(kafka: FakeAdmin, settings: Settings) -> None:
    kafka.refusal = KafkaError.TOPIC_ALREADY_EXISTS
    ensure_topics(settings, topic_specs(settings))


@pytest.mark.parametrize("code", [KafkaError.NOT_CONTROLLER, KafkaError.REQUEST_TIMED_OUT])
def test_a_cluster_that_is_not_ready_is_asked_again(kafka: FakeAdmin, settings: Settings, code: int) -> None:
    kafka.refusal = code
    with pytest.raises(Retry):
        ensure_topics(settings, topic_specs(settings))


@pytest.mark.parametrize(
    "code", [KafkaError.INVALID_REPLICATION_FACTOR, KafkaError.TOPIC_AUTHORIZATION_FAILED]
)
def test_a_refusal_stops_the_start_and_says_what_to_mend(
    kafka: FakeAdmin, settings: Settings, code: int
) -> None:
    kafka.refusal = code
    with pytest.raises(Stop, match="TOLLBRIDGE_TOPIC_REPLICATION"):
        ensure_topics(settings, topic_specs(settings))


def test_kafka_away_is_tried_again(kafka: FakeAdmin, settings: Settings) -> None:
    kafka.away = True
    with pytest.raises(Retry, match="Kafka does not answer"):
        ensure_topics(settings, topic_specs(settings))


@pytest.mark.parametrize(("replication", "insync"), [(1, "1"), (2, "1"), (3, "2")])
def test_one_broker_may_be_away_without_losing_anything(replication: int, insync: str) -> None:
    settings = read_settings({"TOLLBRIDGE_TOPIC_REPLICATION": str(replication)})
    for spec in topic_specs(settings):
        assert spec.replication == replication
        assert spec.config["min.insync.replicas"] == insync
        assert spec.config["unclean.leader.election.enable"] == "false"


def test_the_largest_body_fits_into_a_record() -> None:
    settings = read_settings({"TOLLBRIDGE_INGRESS_MAX_BODY_BYTES": "4000000"})
    for spec in (topic_specs(settings)[0], topic_specs(settings)[2]):
        assert int(spec.config["max.message.bytes"]) > 4_000_000
