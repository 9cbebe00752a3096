"""KAFKA_URL and Kafka's security, in the words of each client."""

from __future__ import annotations

import pytest

from app.kafka.address import aiokafka_security, librdkafka_security, parse_address
from app.kafka.faust_credentials import faust_credentials
from app.settings import SettingsError, read_settings

SASL = {"KAFKA_USERNAME": "tollbridge", "KAFKA_PASSWORD": "hush"}


@pytest.mark.parametrize(
    ("url", "bootstrap"),
    [
        ("kafka://a:1", "a:1"),
        ("kafka://a:1,b:2", "a:1,b:2"),
        ("kafka://a:1;kafka://b:2", "a:1,b:2"),
        ("kafka://a:1,kafka://b:2", "a:1,b:2"),
        ("a:1,b:2", "a:1,b:2"),
        (" kafka://a , b:2 ,", "a:9092,b:2"),
        ("kafka://[::1]:1", "[::1]:1"),
        ("kafka://bootstrap.kafka.svc:9093/", "bootstrap.kafka.svc:9093"),
    ],
)
def test_every_usual_form_is_understood(url: str, bootstrap: str) -> None:
    assert parse_address(url).bootstrap == bootstrap


def test_faust_gets_one_url_a_server() -> None:
    assert parse_address("kafka://a:1,b:2").faust == ["kafka://a:1", "kafka://b:2"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        ";",
        "kafka://",
        "http://a:1",
        "kafka://a:b",
        "kafka://a:99999",
        "kafka://a:1/topic",
        "kafka://a b:1",
    ],
)
def test_a_wrong_address_is_refused_by_name(url: str) -> None:
    with pytest.raises(SettingsError, match="KAFKA_URL"):
        parse_address(url)


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError, match="KAFKA_USERNAME") as refused:
        parse_address("kafka://user:hush@a:1")
    assert "hush" not in str(refused.value)


def test_plain_kafka_needs_no_security() -> None:
    settings = read_settings({})
    assert librdkafka_security(settings) == {}
    assert aiokafka_security(settings) == {}
    assert faust_credentials(settings) is None


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [(SASL, "SASL_PLAINTEXT"), ({**SASL, "KAFKA_TLS": "true"}, "SASL_SSL"), ({"KAFKA_TLS": "true"}, "SSL")],
)
def test_all_clients_speak_the_same_protocol(environment: dict[str, str], protocol: str) -> None:
    settings = read_settings(environment)
    assert librdkafka_security(settings)["security.protocol"] == protocol
    assert aiokafka_security(settings)["security_protocol"] == protocol
    credentials = faust_credentials(settings)
    assert credentials is not None
    assert credentials.protocol.value == protocol


def test_all_clients_sign_in_as_the_same_user() -> None:
    settings = read_settings({**SASL, "KAFKA_SASL_MECHANISM": "PLAIN"})
    assert librdkafka_security(settings) == {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "tollbridge",
        "sasl.password": "hush",
    }
    assert aiokafka_security(settings) == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "tollbridge",
        "sasl_plain_password": "hush",
    }


def test_a_user_without_a_password_is_refused() -> None:
    with pytest.raises(SettingsError, match="KAFKA_PASSWORD"):
        librdkafka_security(read_settings({"KAFKA_USERNAME": "tollbridge"}))


def test_a_ca_file_that_cannot_be_read_is_named() -> None:
    settings = read_settings({"KAFKA_TLS": "true", "KAFKA_CA_FILE": "/nowhere/ca.pem"})
    with pytest.raises(SettingsError, match=r"KAFKA_CA_FILE: cannot read /nowhere/ca\.pem"):
        aiokafka_security(settings)
