"""One webhook: let in, read, verified, kept, and only then answered."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Protocol

import structlog
from aiohttp import web

from agents.clock import Clock
from agents.errors import Reject, Retry, Stop
from agents.protocols import Delivered, Record
from agents.tracing import TRACEPARENT, UNTRACED, Span, Tracer, begin_sending, end_sent, handed_on, trace_id
from app.ingress.admission import Admission, Full
from app.ingress.body import read_body
from app.ingress.endpoints import Endpoints
from app.ingress.memory import Memory
from app.ingress.problem import Problem
from app.ingress.record import webhook_record
from app.ingress.signature import BadSignature, verify
from app.log_limit import LogLimit
from app.metrics.bounds import KNOWN_TYPES, NONE, OTHER, BoundedVersions, bounded_type
from app.metrics.labels import WEBHOOK_OUTCOMES
from app.metrics.registry import Metrics
from app.settings import DEFAULT_ENDPOINT, Settings
from billing.stripe_event import MalformedEvent, StripeEvent, parse_event

log = structlog.get_logger()

ACCEPTED = "accepted"
ALREADY_KEPT = "already_kept"
SERVER_ERROR = 500


class DurableLog(Protocol):
    """What the ingress needs of Kafka."""

    async def send_and_wait(self, record: Record, timeout: float) -> Delivered:  # noqa: ASYNC109 - the ack's deadline
        """Return when the record is durable. Raises Retry, Reject, Stop."""
        ...


class Webhooks:
    """Handles POST /webhooks/stripe and /webhooks/stripe/{endpoint}."""

    def __init__(
        self,
        settings: Settings,
        secrets: Endpoints,
        kafka: DurableLog,
        *,
        clock: Clock,
        metrics: Metrics,
        closed: Callable[[], str | None],
        memory: Memory,
        tracer: Tracer = UNTRACED,
    ) -> None:
        """Take what a webhook meets on its way. `closed` returns why nothing can be kept yet, or None."""
        self._settings = settings
        self._secrets = secrets
        self._kafka = kafka
        self._clock = clock
        self._closed = closed
        self._memory = memory
        self._tracer = tracer
        # Finding a metric by its labels costs more than counting; there are few combinations.
        self._received = functools.cache(metrics.webhooks_received.labels)
        self._seconds = functools.cache(metrics.ingress_seconds.labels)
        self._verified_by = functools.cache(metrics.webhooks_verified.labels)
        self._of_version = functools.cache(metrics.api_versions.labels)
        for endpoint, known in secrets.items():
            metrics.webhook_secrets.labels(endpoint).set(len(known))
            self._begin_at_nought(endpoint, len(known))
        self._versions = BoundedVersions(_first_seen)
        self._refusals = LogLimit(clock)
        self._admission = Admission(
            settings.ingress_max_in_flight, settings.ingress_max_buffered_bytes, metrics.ingress_in_flight
        )

    def _begin_at_nought(self, endpoint: str, secrets: int) -> None:
        """Show the counts that alerts compare from the start, so that the first event is an increase."""
        for position in range(secrets):
            self._verified_by(endpoint, str(position))
        for kind in (*KNOWN_TYPES, OTHER):
            for outcome in (ACCEPTED, "not_acknowledged", "not_ready"):
                self._received(endpoint, kind, outcome)
        for outcome in WEBHOOK_OUTCOMES[2:]:
            self._received(endpoint, NONE, outcome)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer 200 when Kafka has acknowledged the event, else a problem document that says why not."""
        route = "/webhooks/stripe/{endpoint}" if "endpoint" in request.match_info else "/webhooks/stripe"
        span = self._tracer.begin(f"POST {route}", "server", request.headers.get(TRACEPARENT))
        try:
            span.note("http.request.method", "POST")
            span.note("http.route", route)
            response = await self._answer(request, span)
            span.note("http.response.status_code", response.status)
            span.end(str(response.status) if response.status >= SERVER_ERROR else None)
        finally:
            span.end("crashed")
        return response

    async def _answer(self, request: web.Request, span: Span) -> web.Response:
        began, received = self._clock.monotonic(), self._clock.now()
        endpoint = request.match_info.get("endpoint", DEFAULT_ENDPOINT)
        traceparent = request.headers.get(TRACEPARENT)
        event: StripeEvent | None = None
        try:
            with self._admission.enter() as visit:
                secrets = self._known(endpoint)
                body = await read_body(
                    request,
                    visit,
                    limit=self._settings.ingress_max_body_bytes,
                    within=self._settings.ingress_body_timeout,
                )
                secret = self._verified(endpoint, secrets, body, request)
                event = self._parsed(body)
                record = webhook_record(
                    self._settings.stripe_events_topic,
                    event,
                    body,
                    endpoint=endpoint,
                    secret=secret,
                    received=received,
                    traceparent=traceparent,
                )
                outcome = await self._kept(event, record, span)
        except Full:
            problem = self._later("overloaded", "too many webhooks are in flight")
        except Problem as found:
            problem = found
        else:
            self._count(endpoint, event, outcome, began)
            self._tell(span, traceparent, endpoint, event, outcome)
            return web.Response()
        self._count(endpoint, event, problem.outcome, began)
        self._tell(span, traceparent, endpoint, event, problem.outcome)
        return problem.response()

    def _known(self, endpoint: str) -> tuple[str, ...]:
        secrets = self._secrets.get(endpoint)
        if secrets is None:
            raise Problem(404, "unknown_endpoint", "there is no webhook endpoint of this name")
        return secrets

    def _verified(self, endpoint: str, secrets: tuple[str, ...], body: bytes, request: web.Request) -> int:
        header = request.headers.get("Stripe-Signature")
        tolerance = self._settings.ingress_signature_tolerance
        try:
            verified = verify(body, header, secrets, self._clock.now(), tolerance)
        except BadSignature as error:
            raise Problem(400, error.problem, str(error)) from error
        self._verified_by(endpoint, str(verified.secret)).inc()
        return verified.secret

    def _parsed(self, body: bytes) -> StripeEvent:
        try:
            event = parse_event(body)
        except MalformedEvent as error:
            raise Problem(400, error.problem, str(error)) from error
        self._of_version(self._versions.label(event.api_version)).inc()
        return event

    async def _kept(self, event: StripeEvent, record: Record, span: Span) -> str:
        """Return an outcome when the event is in Kafka. Raises Problem."""
        reason = self._closed()
        if reason is not None:
            raise self._later("not_ready", reason)
        if await self._memory.holds(event):
            return ALREADY_KEPT
        sending = begin_sending(self._tracer, record.topic, span)
        record = handed_on(record, sending)
        try:
            at = await self._kafka.send_and_wait(record, self._settings.ingress_ack_timeout)
        except Reject as error:
            sending.end("too_large")
            raise Problem(413, "too_large", error.detail) from error
        except (Retry, Stop) as error:
            sending.end("not_acknowledged")
            raise self._later("not_acknowledged", "the event could not be stored; send it again") from error
        end_sent(sending, at)
        # Not a moment earlier: what is marked and not in Kafka would be lost when Stripe sends it again.
        self._memory.keep(event)
        return ACCEPTED

    def _later(self, outcome: str, detail: str) -> Problem:
        return Problem(503, outcome, detail, retry_after=self._settings.ingress_retry_after)

    def _count(self, endpoint: str, event: StripeEvent | None, outcome: str, began: float) -> None:
        name = endpoint if endpoint in self._secrets else OTHER
        kind = bounded_type(event.type) if event else NONE
        self._received(name, kind, outcome).inc()
        self._seconds(outcome).observe(self._clock.monotonic() - began)

    def _tell(
        self, span: Span, traceparent: str | None, endpoint: str, event: StripeEvent | None, outcome: str
    ) -> None:
        """Tell the trace and the log how it ended."""
        if event is not None:
            span.note("tollbridge.event.id", event.id)
            span.note("tollbridge.event.type", event.type)
        span.note("tollbridge.outcome", outcome)
        kept = outcome in (ACCEPTED, ALREADY_KEPT)
        if kept and not log.is_enabled_for(logging.DEBUG):  # a busy door takes a thousand a second
            return
        unlogged = 0 if kept else self._refusals.unlogged(outcome)
        if unlogged is None:
            return
        line = {
            "endpoint": endpoint if endpoint in self._secrets else OTHER,
            "event_id": event.id if event else None,
            "event_type": event.type if event else None,
            "trace_id": trace_id(span.traceparent or traceparent),
        }
        if outcome == ACCEPTED:
            log.debug("webhook_accepted", **line)
        elif outcome == ALREADY_KEPT:
            log.debug("webhook_already_kept", **line)
        else:
            log.warning("webhook_refused", **line, outcome=outcome, unlogged=unlogged)


def _first_seen(version: str) -> None:
    """Say once a version that no event had since the start: an endpoint was pinned to another."""
    log.info("stripe_api_version_first_seen", api_version=version)
