"""Stripe's API, as far as it is read: events and objects by path, over HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.stripe_shapes import Json, thin_event


class StripeServer:
    """`objects` by account and path. `refusals` are statuses with which the next requests are answered."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str | None, str], Json] = {}
        self.refusals: list[int] = []
        self.asked: Counter[str] = Counter()
        self.url = ""

    @property
    def settings(self) -> dict[str, str]:
        """What makes a worker ask here, for events of both modes."""
        return {"STRIPE_API_KEY": "rk_both", "STRIPE_API_BASE": self.url}

    def hold_twin(self, snapshot: Json) -> Json:
        """Hold a snapshot event, and the thin event that stands for it; return the thin one, to post.

        A subscription is held too, as it was after the last event.
        """
        account, name = snapshot.get("account"), f"{snapshot['id']}_thin"
        found = snapshot["data"]["object"]
        thin = thin_event(
            f"v1.{snapshot['type']}", {"id": found["id"], "type": found["object"]}, event_id=name
        )
        thin["livemode"] = snapshot["livemode"]
        if account is not None:
            thin["context"] = account
        self.objects[account, f"/v2/core/events/{name}"] = {**thin, "snapshot_event": snapshot["id"]}
        # Stripe's API does not repeat the account in whose name it is asked.
        twin = {field: value for field, value in snapshot.items() if field != "account"}
        self.objects[account, f"/v1/events/{snapshot['id']}"] = twin
        if found["object"] == "subscription":
            self.objects[account, f"/v1/subscriptions/{found['id']}"] = found
        return thin

    async def handle(self, request: web.Request) -> web.Response:
        self.asked[request.path] += 1
        if self.refusals:
            status = self.refusals.pop()
            return web.json_response({"error": {"message": "Not now"}}, status=status)
        found = self.objects.get((request.headers.get("stripe-context"), request.path))
        if found is None:
            return web.json_response(
                {"error": {"code": "resource_missing", "message": "No such"}}, status=404
            )
        return web.json_response(found)


@asynccontextmanager
async def stripe_server() -> AsyncIterator[StripeServer]:
    """Run one on a free port."""
    server = StripeServer()
    application = web.Application()
    application.router.add_get("/{path:.*}", server.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
