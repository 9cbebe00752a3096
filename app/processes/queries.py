"""The lifecycle worker's queries, put together."""

from __future__ import annotations

from app.processes.worker import Parts
from app.queries.forward import Forwarder
from app.queries.owners import FaustOwners, advertised_url
from app.queries.routes import Queries
from app.queries.routing import Routing
from tables.lookup import Lookup


def assemble_queries(parts: Parts, lookup: Lookup) -> tuple[Queries, Forwarder]:
    """Return the queries of what `lookup` reads, and the client to be closed with them."""
    settings, app = parts.settings, parts.app
    # Faust's assignor tells it to the other workers when this one joins.
    app.conf.canonical_url = advertised_url(settings)
    owners = FaustOwners(
        app, settings.stripe_events_topic, lambda: parts.intake.lease.valid(parts.clock.monotonic())
    )
    forwarder = Forwarder()
    routing = Routing(owners, forwarder, settings.topic_partitions)
    return Queries(lookup, routing, settings.topic_partitions, settings.query_token), forwarder
