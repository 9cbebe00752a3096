"""The stream that the NATS sink publishes to: made when it is missing, otherwise only ever checked.

Another team may live on what this stream holds. So a difference between it and our settings ends the
start with a sentence; nothing is changed silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, BadRequestError, NotFoundError

from agents.backoff import Backoff
from agents.clock import Clock
from agents.errors import Retry, Stop, Trip
from app.nats.connection import Connection
from app.settings import Settings, variable

log = structlog.get_logger()

DAY = 86400
NO_JETSTREAM = frozenset({10035, 10039, 10076})
"""JetStream's codes for: not enabled on the server, not for the account, not for either."""
IMPOSSIBLE = frozenset({10052, 10074})
"""JetStream's codes, sent with 500, for: settings that contradict each other, replicas without a cluster."""


@dataclass(frozen=True, slots=True)
class WantedStream:
    """What the settings say of the stream. Ages are in seconds; 0 is for ever."""

    name: str
    subjects: tuple[str, ...]
    replicas: int
    duplicate_window: float
    max_age: float

    def config(self) -> StreamConfig:
        """Return it as nats-py wants it."""
        return StreamConfig(
            name=self.name,
            description="Billing events from Stripe, as CloudEvents; written by Tollbridge.",
            subjects=list(self.subjects),
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            num_replicas=self.replicas,
            duplicate_window=self.duplicate_window,
            max_age=self.max_age,
        )


def wanted_stream(settings: Settings) -> WantedStream:
    """Return what `settings` say of the stream."""
    return WantedStream(
        name=settings.nats_stream,
        subjects=(f"{settings.nats_subject_prefix}.>",),
        replicas=settings.nats_replicas,
        duplicate_window=settings.nats_duplicate_window,
        max_age=settings.nats_max_age_days * DAY,
    )


async def ensure_stream(
    connection: Connection, wanted: WantedStream, clock: Clock, backoff: Backoff, *, create: bool
) -> None:
    """Return when the stream is there and as wanted. Waits while NATS is away or has no leader.

    Raises Stop, with a sentence that says what to do, when the stream differs, is missing and must not or
    cannot be made, or may not be looked at.
    """
    failures = 0
    while True:
        try:
            return await _ensure(connection, wanted, create=create)
        except Trip as error:
            raise Stop(error.detail) from error
        except Retry as error:
            failures += 1
            log.warning("nats_stream_waits", stream=wanted.name, attempt=failures, why=error.detail)
            await clock.sleep(backoff.delay(failures))


def differences(actual: StreamConfig, wanted: WantedStream) -> list[str]:
    """Return a sentence for each point in which the stream is not as wanted."""
    compared: list[tuple[str, object, object, str]] = [
        ("subjects", sorted(actual.subjects or []), sorted(wanted.subjects), variable("nats_subject_prefix")),
        ("replicas", actual.num_replicas, wanted.replicas, variable("nats_replicas")),
        (
            "duplicate window (seconds)",
            float(actual.duplicate_window or 0),
            float(wanted.duplicate_window),
            variable("nats_duplicate_window"),
        ),
        (
            "max age (seconds)",
            float(actual.max_age or 0),
            float(wanted.max_age),
            variable("nats_max_age_days"),
        ),
        ("storage", _plain(actual.storage), StorageType.FILE.value, "no setting, it must survive a restart"),
        ("retention", _plain(actual.retention), RetentionPolicy.LIMITS.value, "no setting"),
    ]
    return [
        f"its {what} is {has!r}, wanted is {wants!r} ({where})"
        for what, has, wants, where in compared
        if has != wants
    ]


async def _ensure(connection: Connection, wanted: WantedStream, *, create: bool) -> None:
    jetstream = await connection.jetstream()
    try:
        found = await _ask(
            connection, f"$JS.API.STREAM.INFO.{wanted.name}", jetstream.stream_info(wanted.name)
        )
    except NotFoundError as error:
        if not create:
            raise Stop(
                f"There is no stream {wanted.name!r} in NATS, and {variable('nats_create_stream')} says "
                f"not to make it. Either make it ({_by_hand('add', wanted)}) or allow us to."
            ) from error
        await _create(connection, jetstream, wanted)
        return
    faults = differences(found.config, wanted)
    if faults:
        raise Stop(
            f"The stream {wanted.name!r} in NATS is not as the settings say: {'; '.join(faults)}. "
            f"Either set the variables to what the stream has, or change the stream "
            f"({_by_hand('edit', wanted)}; storage and retention cannot be changed, that takes a new stream)."
        )
    log.info("nats_stream_checked", stream=wanted.name)


async def _create(connection: Connection, jetstream: JetStreamContext, wanted: WantedStream) -> None:
    try:
        await _ask(connection, f"$JS.API.STREAM.CREATE.{wanted.name}", jetstream.add_stream(wanted.config()))
    except APIError as error:
        raise Stop(
            f"NATS does not make the stream {wanted.name!r} as the settings say: {error.description} "
            f"({error.err_code}). Look at the variables that begin with TOLLBRIDGE_NATS_."
        ) from error
    log.info("nats_stream_created", stream=wanted.name, subjects=wanted.subjects, replicas=wanted.replicas)


async def _ask(connection: Connection, subject: str, request: Any) -> Any:
    """Await an answer of JetStream's API. What concerns the stream passes; the rest is Retry or Stop."""
    try:
        return await request
    except NatsTimeoutError as error:
        denied = connection.denied(subject)
        if denied:
            raise Stop(f"NATS does not let us look after the stream ({denied}). Allow our user to publish to "
                       f"{subject}, and to read its inbox.") from error  # fmt: skip
        raise Retry("JetStream did not answer in time") from error
    except (NotFoundError, BadRequestError):
        raise
    except APIError as error:
        if error.err_code in IMPOSSIBLE:
            raise
        if error.err_code in NO_JETSTREAM:
            raise Stop(
                f"NATS has no JetStream for us: {error.description}. Enable it, for our account too."
            ) from error
        said = error.description or "nobody: JetStream is not enabled, or has no leader yet"
        raise Retry(f"JetStream answered {error.code}/{error.err_code}, {said}") from error
    except (NatsError, OSError) as error:
        raise Retry(f"JetStream cannot be asked: {error}") from error


def _by_hand(verb: str, wanted: WantedStream) -> str:
    fixed = "--storage=file --retention=limits " if verb == "add" else ""
    return (
        f"`nats stream {verb} {wanted.name} {fixed}--subjects='{','.join(wanted.subjects)}' "
        f"--replicas={wanted.replicas} --dupe-window={wanted.duplicate_window:g}s "
        f"--max-age={wanted.max_age:g}s`"
    )


def _plain(value: object) -> object:
    return getattr(value, "value", value)
