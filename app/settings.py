"""Every setting, typed, read once from the environment at start.

docs/environment-variables.md is generated from this file. The well-known addresses and Stripe's secrets
keep their usual names; all else begins with TOLLBRIDGE_, because Kubernetes puts variables such as
NATS_PORT=tcp://10.0.0.1:4222 into every pod that lives beside a Service of that name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from app.settings_stripe_api import StripeApiSettings
from app.settings_tracing import TracingSettings
from billing.subject_rule import parse_subject_rule

SECRET_PREFIX = "STRIPE_WEBHOOK_SECRETS"  # noqa: S105 - the variable's name, not a secret
DEFAULT_ENDPOINT = "default"
_HTTP = re.compile(r"^https?://[^/?#\s]+[^?#\s]*$")
_REDIS = re.compile(r"^(rediss?://[^\s/?#]+(/\d*)?|unix://[^\s?#]+)(\?[^\s#]*)?$")
_ENDPOINT = re.compile(r"^[a-z0-9][a-z0-9-]{0,62}$")

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]


class SettingsError(Exception):
    """The environment does not make sense; the text names each variable, what is wrong and what to do."""


class Settings(TracingSettings, StripeApiSettings):
    """What can be set. A field's description says what it does and what gets worse when it is changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    # Where the others are
    kafka_url: str = Field(
        "kafka://127.0.0.1:9092",
        alias="KAFKA_URL",
        description="Kafka bootstrap servers, comma-separated.",
    )
    nats_url: str = Field(
        "nats://127.0.0.1:4222",
        alias="NATS_URL",
        description="NATS servers, comma-separated.",
    )
    openmeter_url: str = Field(
        "http://127.0.0.1:8888",
        alias="OPENMETER_URL",
        description="OpenMeter's base address; events go to /api/v1/events below it.",
    )
    openmeter_token: SecretStr | None = Field(
        None,
        alias="OPENMETER_TOKEN",
        description="Bearer token for OpenMeter, if it wants one.",
    )
    nats_nkey_seed: SecretStr | None = Field(
        None,
        alias="NATS_NKEY_SEED",
        description="NKey seed with which to sign in to NATS.",
    )
    nats_user: str | None = Field(
        None, alias="NATS_USER", description="User name for NATS, where it has passwords."
    )
    nats_password: SecretStr | None = Field(None, alias="NATS_PASSWORD", description="Password for NATS.")
    kafka_username: str | None = Field(
        None,
        alias="KAFKA_USERNAME",
        description="SASL user name for Kafka; empty means no SASL.",
    )
    kafka_password: SecretStr | None = Field(
        None, alias="KAFKA_PASSWORD", description="SASL password for Kafka."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512",
        alias="KAFKA_SASL_MECHANISM",
        description="SASL mechanism for Kafka.",
    )
    kafka_tls: bool = Field(False, alias="KAFKA_TLS", description="Speak TLS to Kafka.")
    kafka_ca_file: str | None = Field(
        None,
        alias="KAFKA_CA_FILE",
        description="Certificate authority for Kafka's certificates; the system's when empty.",
    )

    # Ports
    bind: str = Field("127.0.0.1", description="Address that every process listens on; 0.0.0.0 in a pod.")
    ingress_port: Port = Field(8080, description="Port of the ingress: webhooks, health, metrics.")
    lifecycle_port: Port = Field(6066, description="Port of the lifecycle worker: queries, health, metrics.")
    openmeter_port: Port = Field(6067, description="Port of the OpenMeter sink: health, metrics.")
    nats_port: Port = Field(6068, description="Port of the NATS sink: health, metrics.")

    # Topics
    topic_partitions: Count = Field(
        8,
        description="Partitions of stripe.events, billing.events and the tables. Cannot grow in place: a key would move away from its state.",
    )
    topic_replication: Count = Field(
        1,
        description="Replicas of each topic that we create; 3 in production. With 1, a broker's disk is the only copy.",
    )
    topics_create: bool = Field(
        True,
        description="Create missing topics at start. In production they are manifests, and a missing one stops the start.",
    )
    billing_events_retention_days: Count = Field(
        30,
        description="Days billing.events keeps a CloudEvent. A sink that is away for longer misses what is older.",
    )
    stripe_events_topic: str = Field("stripe.events", description="Topic that keeps every verified webhook.")
    billing_events_topic: str = Field("billing.events", description="Topic of the CloudEvents for the sinks.")
    dead_letters_topic: str = Field("dead.letters", description="Topic for what can never be delivered.")

    # Ingress
    ingress_max_body_bytes: Count = Field(
        524288,
        description="Largest webhook body; beyond it 413. Stripe publishes no limit, its objects are about 5 kB.",
    )
    ingress_ack_timeout: Seconds = Field(
        8.0, description="Seconds that Kafka may take to acknowledge a webhook before 503."
    )
    ingress_max_in_flight: Count = Field(
        2048, description="Webhooks in flight at once; beyond it 503. Bounds memory."
    )
    ingress_max_buffered_bytes: Count = Field(
        67108864, description="Bytes of webhook bodies held at once; beyond it 503. Bounds memory."
    )
    ingress_signature_tolerance: Count = Field(
        300, description="Seconds a signature's timestamp may lie in the past or future."
    )
    ingress_retry_after: Count = Field(5, description="Seconds in the Retry-After header of a 503.")
    ingress_body_timeout: Seconds = Field(10.0, description="Seconds a client may take to send its body.")
    ingress_shutdown_timeout: Seconds = Field(
        15.0, description="Seconds to finish requests and flush after SIGTERM."
    )

    # Redis at the door
    redis_url: SecretStr | None = Field(
        None,
        alias="REDIS_URL",
        description="Redis in which the ingress marks events that Kafka has, so that a repetition makes no second record: redis://, rediss:// or unix://. Unset, it remembers nothing, and the lifecycle worker alone drops repetitions.",
    )
    redis_ttl: Annotated[int, Field(ge=60)] = Field(
        86400,
        description="Seconds that an event stays marked; at most what the lifecycle worker remembers. Longer catches later repetitions and takes more of Redis's memory, about 250 bytes an event.",
    )
    redis_timeout: Annotated[float, Field(gt=0, le=1)] = Field(
        0.05,
        description="Seconds that Redis may cost a webhook at most. Without an answer it is kept as if new.",
    )
    redis_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:{}-]{1,64}$")] = Field(
        "tollbridge", description="Begins each key in Redis; the id of the topic of webhooks follows."
    )

    # Workers
    data_dir: str = Field(
        ".tollbridge/data", description="Where RocksDB keeps the tables; one directory a worker."
    )
    instance_id: str | None = Field(
        None,
        description="Static Kafka group membership (the pod's name): a restart within the session timeout moves no partitions.",
    )
    group_prefix: str = Field(
        "tollbridge",
        description="Begins the consumer group and changelog names. A change starts from nothing.",
    )
    session_timeout: Seconds = Field(
        20.0,
        description="Seconds until Kafka takes a silent worker's partitions away. Shorter moves them sooner and for less.",
    )
    heartbeat_interval: Seconds = Field(
        3.0,
        description="Seconds between a worker's heartbeats to Kafka; at most half of what the session timeout leaves beyond the delivery timeout.",
    )
    rebalance_timeout: Seconds = Field(
        30.0, description="Seconds a worker may take to give its partitions up."
    )
    commit_interval: Seconds = Field(
        0.25, description="Seconds between offset commits. A kill replays what was settled since."
    )
    in_flight: Count = Field(
        1000, description="Messages a worker holds at once. More is faster and replays more after a kill."
    )
    delivery_timeout: Seconds = Field(
        10.0,
        description="Seconds that Kafka may take to acknowledge a worker's record; must be shorter than the session timeout.",
    )
    standby_replicas: Annotated[int, Field(ge=0)] = Field(
        0, description="Copies of each table on other workers, for a faster takeover."
    )
    seen_retention_days: Count = Field(
        35, description="Days an event id is remembered. Stripe resends up to 30 days back."
    )
    one_record_batches: bool = Field(
        False,
        description="One record a batch from workers: only for Tansu, whose end offsets are wrong otherwise.",
    )

    # Queries
    advertised_url: str | None = Field(
        None,
        description="Where other lifecycle workers reach this one's queries, such as http://lifecycle-0.lifecycle:6066. Unset, it is made of TOLLBRIDGE_BIND (of this machine's name where that is every address) and TOLLBRIDGE_LIFECYCLE_PORT. With TOLLBRIDGE_INSTANCE_ID it must outlive a restart: a stable name, not a pod's address.",
    )
    query_token: SecretStr | None = Field(
        None,
        description="Bearer token that queries have to bring. Unset, whoever reaches the port may ask.",
    )
    timeline_entries: Annotated[int, Field(ge=1, le=500)] = Field(
        50, description="Last decisions kept for each subscription. More of them make each record larger."
    )

    # Meaning
    event_type_prefix: str = Field("", description="Put before each CloudEvent type, such as com.example.")
    livemode: Literal["both", "live", "test"] = Field(
        "both", description="Which modes' events are told; the others are kept and ignored."
    )
    tell_zero_payments: bool = Field(
        True,
        description="Tell payment.success for invoices of nothing, as trials have; they are marked zero_amount.",
    )
    subject: str = Field(
        "customer",
        description="Whom a CloudEvent is about: customer (the Stripe customer's id), metadata:<key> of the subscription, client_reference_id of its checkout, or a template such as {account}/{customer} or {metadata.tenant}. Where the value is missing, the event is dead-lettered. See docs/subjects.md.",
    )
    subject_patience: Count = Field(
        300,
        description="Seconds that an event waits for another to say its subject, before it is dead-lettered.",
    )

    checkout_patience: Annotated[int, Field(ge=0, le=3600)] = Field(
        5,
        description="Seconds that a paid checkout waits for its subscription to be seen, so that subscription.started can say plan and price; then it is told without them. 0 tells it at once.",
    )

    # OpenMeter sink
    openmeter_batch_size: Count = Field(100, description="Events in one request to OpenMeter at most.")
    openmeter_batch_age: Seconds = Field(0.5, description="Seconds an event waits for its batch to fill.")
    openmeter_timeout: Seconds = Field(10.0, description="Seconds that OpenMeter may take to answer.")
    openmeter_concurrency: Count = Field(4, description="Requests to OpenMeter under way at once.")

    # NATS sink
    nats_stream: str = Field("BILLING_EVENTS", description="JetStream stream to publish to.")
    nats_subject_prefix: str = Field("billing", description="First token of every subject.")
    nats_replicas: Annotated[int, Field(ge=1, le=5)] = Field(
        1, description="Replicas of the stream; 3 in production."
    )
    nats_duplicate_window: Seconds = Field(
        120.0,
        description="Seconds in which JetStream drops a message id it has. Longer costs the server memory.",
    )
    nats_max_age_days: Annotated[float, Field(ge=0)] = Field(
        30.0, description="Days the stream keeps messages; 0 for ever."
    )
    nats_create_stream: bool = Field(
        True, description="Create the stream when it is missing; an existing one is only ever checked."
    )
    nats_timeout: Seconds = Field(5.0, description="Seconds that JetStream may take to acknowledge.")

    # Both sinks
    breaker_failures: Count = Field(5, description="Failures in a row that open a sink's circuit breaker.")
    breaker_reset_min: Seconds = Field(1.0, description="Seconds that the breaker stays open at first.")
    breaker_reset_max: Seconds = Field(
        30.0, description="Seconds that it stays open at most; it doubles while the canary fails."
    )
    dead_letter_max_ratio: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="Share of recent messages that may be dead-lettered before the worker stops."
    )
    dead_letter_max_consecutive: Count = Field(
        100, description="Messages in a row that may be dead-lettered before the worker stops."
    )

    # Logs
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe level that is logged."
    )
    log_format: Literal["console", "json"] = Field(
        "console", description="console for people, json for machines."
    )

    # Signing secrets by endpoint; see `webhook_secrets`
    webhook_secrets: Mapping[str, tuple[SecretStr, ...]] = Field(
        default_factory=dict,
        description="STRIPE_WEBHOOK_SECRETS for /webhooks/stripe, STRIPE_WEBHOOK_SECRETS_<NAME> for /webhooks/stripe/<name>; "
        "several secrets, comma-separated, while one is rolled.",
    )

    @field_validator("webhook_secrets", mode="before")
    @classmethod
    def _no_empty_secret(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            for endpoint, secrets in value.items():
                if not _ENDPOINT.match(endpoint):
                    raise ValueError(
                        f"endpoint name {endpoint!r} must be lower-case letters, digits and dashes"
                    )
                if not secrets:
                    raise ValueError(f"endpoint {endpoint!r} has no secret")
        return value

    @field_validator("advertised_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not _HTTP.match(value):
            raise ValueError(f"{value!r} must be an address such as http://lifecycle-0.lifecycle:6066")
        return value

    @field_validator("subject")
    @classmethod
    def _subject_rule(cls, value: str) -> str:
        parse_subject_rule(value)
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _REDIS.match(value.get_secret_value()):
            raise ValueError(
                "it must be an address such as redis://redis:6379/0, rediss://:password@redis:6380 or "
                "unix:///run/redis.sock, a password in it percent-encoded"
            )
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.redis_ttl > self.seen_retention_days * 86400:
            raise ValueError(
                f"TOLLBRIDGE_REDIS_TTL ({self.redis_ttl} s) must not be longer than TOLLBRIDGE_SEEN_RETENTION_DAYS "
                f"({self.seen_retention_days} days): Redis would drop what is to be worked through again"
            )
        if self.delivery_timeout >= self.session_timeout:
            raise ValueError(
                f"TOLLBRIDGE_DELIVERY_TIMEOUT ({self.delivery_timeout} s) must be shorter than TOLLBRIDGE_SESSION_TIMEOUT "
                f"({self.session_timeout} s): a worker that lost its partitions must have nothing left to send"
            )
        lease = self.session_timeout - self.delivery_timeout
        if self.heartbeat_interval * 2 > lease:
            raise ValueError(
                f"TOLLBRIDGE_HEARTBEAT_INTERVAL ({self.heartbeat_interval} s) must be at most half of what "
                f"TOLLBRIDGE_SESSION_TIMEOUT leaves beyond TOLLBRIDGE_DELIVERY_TIMEOUT ({lease:g} s): between two "
                "heartbeats a worker must be sure of its partitions, or it waits"
            )
        return self


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment. Raises SettingsError with a sentence for each fault."""
    environment = os.environ if environment is None else environment
    try:
        return Settings(webhook_secrets=_secrets(environment), **_given(environment))
    except ValidationError as error:
        raise SettingsError(_sentences(error)) from error


def variable(name: str) -> str:
    """Return the environment variable that sets the field `name`."""
    return Settings.model_fields[name].alias or f"TOLLBRIDGE_{name.upper()}"


def _given(environment: Mapping[str, str]) -> dict[str, Any]:
    names = {name: variable(name) for name in Settings.model_fields if name != "webhook_secrets"}
    return {name: environment[key] for name, key in names.items() if environment.get(key, "") != ""}


def _secrets(environment: Mapping[str, str]) -> dict[str, tuple[SecretStr, ...]]:
    found: dict[str, tuple[SecretStr, ...]] = {}
    for name, value in environment.items():
        if name == SECRET_PREFIX:
            endpoint = DEFAULT_ENDPOINT
        elif name.startswith(f"{SECRET_PREFIX}_"):
            endpoint = name.removeprefix(f"{SECRET_PREFIX}_").lower().replace("_", "-")
        else:
            continue
        found[endpoint] = tuple(SecretStr(secret.strip()) for secret in value.split(",") if secret.strip())
    return found


def _sentences(error: ValidationError) -> str:
    lines = []
    for fault in error.errors(include_input=False, include_url=False):
        where = str(fault["loc"][0]) if fault["loc"] else ""
        name = variable(where) if where in Settings.model_fields and where != "webhook_secrets" else where
        name = SECRET_PREFIX if name == "webhook_secrets" else name
        message = fault["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {message}" if name else message)
    return "Wrong settings:\n  " + "\n  ".join(lines)
