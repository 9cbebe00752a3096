"""JetStream through nats-py: one publish, one acknowledgement, each error typed by its cure.

duplicate id                         a success
no stream, leader or quorum          Retry: an election takes some seconds
timeout                              Retry: perhaps stored, and then the id makes the next one a duplicate
500, 503, 409 and what limits say    Retry: an operator makes room, or it passes
wrong expected stream (10060)        Trip: the subject is bound to another stream, for every message
permission or credentials refused    Trip
larger than the server takes         Reject
other 400                            Reject
"""

from __future__ import annotations

from http import HTTPStatus

from nats.errors import BadHeaderError, BadSubjectError, MaxPayloadError
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import Header
from nats.js.errors import APIError, NoStreamResponseError

from agents.errors import Reject, Retry, Trip
from agents.protocols import Published
from agents.tracing import TRACEPARENT
from app.nats.connection import Connection

CONTENT_TYPE = "application/cloudevents+json"
"""Marks structured mode for NATS 2.2 and later (CloudEvents NATS binding); before, it is the only mode."""
WRONG_STREAM = 10060
LATER = frozenset({10002, 10023, 10047, 10077, 10122, 10158})
"""JetStream's codes for full limits and ids in process: they pass, or an operator makes room."""


class JetStreamBus:
    """Fulfils `agents.protocols.Bus` for one stream."""

    def __init__(self, connection: Connection, stream: str, timeout: float) -> None:
        """Publish to `stream`; each acknowledgement may take `timeout` seconds."""
        self._connection = connection
        self._stream = stream
        self._timeout = timeout

    async def publish(
        self, subject: str, payload: bytes, message_id: str, traceparent: str | None = None
    ) -> Published:
        """Publish one message; returns when the stream has stored it, or says that it had it."""
        jetstream = await self._connection.jetstream()
        # A dictionary of its own each time: nats-py writes into it.
        headers = {Header.MSG_ID.value: message_id, "Content-Type": CONTENT_TYPE}
        if traceparent is not None:
            headers[TRACEPARENT] = traceparent
        self._check_size(payload, headers)
        try:
            ack = await jetstream.publish(
                subject, payload, timeout=self._timeout, stream=self._stream, headers=headers
            )
        except NatsTimeoutError as error:
            raise self._timed_out(subject) from error
        except NoStreamResponseError as error:
            raise Retry(
                f"No stream answers for {subject}: {self._stream} has no leader or quorum now, or is gone."
            ) from error
        except APIError as error:
            raise _refusal(error, self._stream) from error
        except (MaxPayloadError, BadSubjectError, BadHeaderError) as error:
            raise Reject("refused", f"The NATS client refuses the message: {error}.") from error
        except (NatsError, OSError) as error:
            raise Retry(f"NATS did not take the message: {error}.") from error
        return Published(ack.stream, ack.seq, duplicate=bool(ack.duplicate))

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    def _check_size(self, payload: bytes, headers: dict[str, str]) -> None:
        """Raise Reject for a message that the server would not take.

        nats-py measures the payload alone, the server payload and headers; and it answers by closing the
        connection, so one such message would take all others in flight with it, again and again.
        """
        named = {**headers, Header.EXPECTED_STREAM.value: self._stream}
        size = len(b"NATS/1.0\r\n\r\n") + sum(len(f"{name}: {value}\r\n") for name, value in named.items())
        size += len(payload)
        if size > self._connection.max_payload:
            raise Reject(
                "too_large",
                f"With its headers the message has {size} bytes; NATS takes {self._connection.max_payload} "
                "(max_payload in its configuration).",
            )

    def _timed_out(self, subject: str) -> Retry:
        denied = self._connection.denied(subject)
        if denied:
            return Trip(
                f"NATS refuses it ({denied}): our user needs leave to publish there and to read its inbox."
            )
        return Retry(f"JetStream did not acknowledge within {self._timeout:g} s.")


def _refusal(error: APIError, stream: str) -> Exception:
    said = f"JetStream answered {error.code}/{error.err_code}: {error.description}."
    if error.err_code == WRONG_STREAM:
        return Trip(
            f"{said} The subjects are bound to another stream than {stream} (TOLLBRIDGE_NATS_STREAM)."
        )
    code = error.code or HTTPStatus.SERVICE_UNAVAILABLE
    if code == HTTPStatus.BAD_REQUEST and error.err_code not in LATER:
        return Reject("refused", said)
    return Retry(said)
