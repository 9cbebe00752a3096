"""KAFKA_URL, and who we are to Kafka, in the words of each of our two clients."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from app.settings import Settings, SettingsError

DEFAULT_PORT = 9092
_SCHEMES = ("kafka", "aiokafka")


@dataclass(frozen=True, slots=True)
class Broker:
    """One bootstrap server."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return host:port, an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Address:
    """Where Kafka is. Never empty."""

    brokers: tuple[Broker, ...]

    @property
    def bootstrap(self) -> str:
        """`bootstrap.servers` for librdkafka and `bootstrap_servers` for aiokafka: h1:p1,h2:p2."""
        return ",".join(str(broker) for broker in self.brokers)

    @property
    def faust(self) -> list[str]:
        """`broker` for Faust: one URL a server."""
        return [f"kafka://{broker}" for broker in self.brokers]


def parse_address(url: str) -> Address:
    """Read `kafka://h1:p1,h2:p2`, `kafka://h1:p1;kafka://h2:p2` or plain `h1:p1,h2:p2`.

    A missing port is 9092. Raises SettingsError, which names KAFKA_URL and the part that is wrong.
    """
    parts = [part.strip() for part in url.replace(";", ",").split(",")]
    brokers = tuple(_broker(part) for part in parts if part)
    if not brokers:
        raise SettingsError("KAFKA_URL names no server; set it to kafka://host:9092")
    return Address(brokers)


def librdkafka_security(settings: Settings) -> dict[str, Any]:
    """Return librdkafka's settings for TLS and SASL; empty when Kafka asks for neither."""
    config: dict[str, Any] = {}
    if settings.kafka_username:
        config["sasl.mechanism"] = settings.kafka_sasl_mechanism
        config["sasl.username"] = settings.kafka_username
        config["sasl.password"] = _password(settings)
    if settings.kafka_tls and settings.kafka_ca_file:
        config["ssl.ca.location"] = settings.kafka_ca_file
    protocol = security_protocol(settings)
    if protocol != "PLAINTEXT":
        config["security.protocol"] = protocol
    return config


def aiokafka_security(settings: Settings) -> dict[str, Any]:
    """Return aiokafka's keyword arguments for TLS and SASL; empty when Kafka asks for neither."""
    arguments: dict[str, Any] = {}
    if settings.kafka_username:
        arguments["sasl_mechanism"] = settings.kafka_sasl_mechanism
        arguments["sasl_plain_username"] = settings.kafka_username
        arguments["sasl_plain_password"] = _password(settings)
    if settings.kafka_tls:
        arguments["ssl_context"] = tls_context(settings)
    protocol = security_protocol(settings)
    if protocol != "PLAINTEXT":
        arguments["security_protocol"] = protocol
    return arguments


def security_protocol(settings: Settings) -> str:
    """Return Kafka's name for the combination of TLS and SASL that the settings ask for."""
    layer = "SSL" if settings.kafka_tls else "PLAINTEXT"
    return f"SASL_{layer}" if settings.kafka_username else layer


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Return a context that trusts KAFKA_CA_FILE, or the system's authorities without one.

    Raises SettingsError when the file cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=settings.kafka_ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"KAFKA_CA_FILE: cannot read {settings.kafka_ca_file}: {error}") from error


def _password(settings: Settings) -> str:
    if settings.kafka_password is None:
        raise SettingsError("KAFKA_USERNAME is set but KAFKA_PASSWORD is not; set both or neither")
    return settings.kafka_password.get_secret_value()


def _broker(part: str) -> Broker:
    try:
        split = urlsplit(part if "://" in part else f"kafka://{part}")
        host, port = split.hostname, split.port
    except ValueError as error:
        raise SettingsError(f"KAFKA_URL: {part!r} is not host:port ({error})") from error
    if split.scheme not in _SCHEMES:
        raise SettingsError(f"KAFKA_URL: {part!r} must begin with kafka://; TLS is a setting, KAFKA_TLS")
    if split.username is not None or split.password is not None:
        raise SettingsError("KAFKA_URL holds a user name; give it in KAFKA_USERNAME and KAFKA_PASSWORD")
    if not host or split.path.strip("/") or split.query or split.fragment or " " in host:
        raise SettingsError(f"KAFKA_URL: {part!r} is not host:port; write kafka://host:9092")
    return Broker(host, DEFAULT_PORT if port is None else port)
