"""The queries as aiohttp handlers."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from pydantic import SecretStr

from app.queries.answers import Document, customer_document, subscription_document, timeline_document
from app.queries.auth import authorize
from app.queries.openapi import OPENAPI
from app.queries.parameters import read_id, read_page, read_scope, refuse_others
from app.queries.partition import partition_of
from app.queries.problem import told
from app.queries.routing import Routing
from tables.lookup import Found, Lookup


class Queries:
    """The queries of one lifecycle worker."""

    def __init__(self, lookup: Lookup, routing: Routing, partitions: int, token: SecretStr | None) -> None:
        """Look up in tables of so many `partitions`; `token` is what a caller has to bring, if set."""
        self._lookup = lookup
        self._routing = routing
        self._partitions = partitions
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [
            web.get("/v1/customers/{customer}/subscriptions", told(self.customer)),
            web.get("/v1/subscriptions/{subscription}", told(self.subscription)),
            web.get("/v1/subscriptions/{subscription}/timeline", told(self.timeline)),
            web.get("/v1/openapi.json", self.openapi),
        ]

    async def customer(self, request: web.Request) -> web.Response:
        """Answer with a page of a customer's subscriptions, ordered by id."""
        authorize(request.headers, self._token)
        refuse_others(request.query, page=True)
        scope, page = read_scope(request.query), read_page(request.query)
        customer = read_id(request.match_info, "customer")
        key = f"{scope.key}|{customer}".encode()

        async def look(partition: int) -> Document | None:
            rows = self._lookup.of_customer(partition, key, page.after, page.limit + 1)
            if not rows and (page.after is None or not self._lookup.of_customer(partition, key, None, 1)):
                return None
            return await customer_document(scope, customer, rows, page)

        what = f"a subscription of customer {customer} in {scope}"
        return await self._routing.at(request, partition_of(key, self._partitions), what, look)

    async def subscription(self, request: web.Request) -> web.Response:
        """Answer with how a subscription stands."""
        return await self._about(request, self._lookup.subscription, subscription_document)

    async def timeline(self, request: web.Request) -> web.Response:
        """Answer with the last decisions about a subscription."""
        return await self._about(request, self._lookup.timeline, timeline_document)

    async def _about(
        self,
        request: web.Request,
        find: Callable[[int, bytes], Found | None],
        write: Callable[[Found], Document],
    ) -> web.Response:
        """Answer with the row that `find` has of the subscription in the path, as `write` puts it."""
        authorize(request.headers, self._token)
        refuse_others(request.query)
        scope = read_scope(request.query)
        subscription = read_id(request.match_info, "subscription")
        alias = f"{scope.key}|{subscription}".encode()

        async def look(partition: int) -> Document | None:
            row = find(partition, alias)
            return None if row is None else write(row)

        return await self._routing.anywhere(request, f"subscription {subscription} in {scope}", look)

    async def openapi(self, _: web.Request) -> web.Response:
        """Answer with the description of all this; it is no secret."""
        return web.Response(body=OPENAPI, content_type="application/json")
