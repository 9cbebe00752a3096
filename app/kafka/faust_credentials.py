"""Who we are to Kafka, in Faust's words."""

from __future__ import annotations

import faust

from app.kafka.address import aiokafka_security, tls_context
from app.settings import Settings


def faust_credentials(settings: Settings) -> faust.SASLCredentials | faust.SSLCredentials | None:
    """Return `broker_credentials` for `faust.App`; None when Kafka asks for neither TLS nor SASL."""
    context = tls_context(settings) if settings.kafka_tls else None
    if settings.kafka_username:
        known = aiokafka_security(settings)
        return faust.SASLCredentials(
            username=known["sasl_plain_username"],
            password=known["sasl_plain_password"],
            mechanism=known["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context=context) if context else None
