"""Gets a query to whoever can answer it: this worker, the partition's owner, or whichever has the row.

A customer's partition follows from its key. A subscription's id alone says nothing about its partition, for
records are keyed by customer; so this worker looks, then all others are asked at once. docs/queries.md says
why that is cheaper than an index that every worker could read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web
from yarl import URL

from app.queries.answers import Document
from app.queries.forward import FORWARDED, PARTITIONS, Forwarder, Reply
from app.queries.owners import Owners
from app.queries.problem import unavailable, unknown

PAUSE = 0.25
"""Seconds until the one look whether another worker is the owner now."""
_FINAL = {200: "application/json", 400: "application/problem+json", 404: "application/problem+json"}
"""Statuses with which another worker's answer is handed on as it is, and what it then consists of.

A proxy's page, or a stranger's at a dead worker's address, consists of something else.
"""

Look = Callable[[int], Awaitable[Document | None]]
"""Looks into a local partition."""


class Routing:
    """Answers from here or from there."""

    def __init__(self, owners: Owners, forwarder: Forwarder, partitions: int) -> None:
        """Of so many `partitions`, `owners` says whose they are."""
        self._owners = owners
        self._forwarder = forwarder
        self._all = frozenset(range(partitions))

    async def at(self, request: web.Request, partition: int, what: str, look: Look) -> web.Response:
        """Answer from the owner of `partition`. Raises the problems 404 and 503."""
        reason, asked = "it is being assigned", None
        for second in (False, True):
            if partition in self._owners.local():
                document = await look(partition)
                if document is None:
                    raise unknown(what)
                return _json(document)
            if FORWARDED in request.headers:
                break  # whoever asked us has another map than ours; it decides what to do
            owner = self._owner(partition)
            if owner is not None and owner != asked:
                reply = await self._ask(owner, request)
                if isinstance(reply, Reply):
                    return _handed_on(reply)
                reason, asked = reply, owner
            if not second:
                await asyncio.sleep(PAUSE)
        raise unavailable(f"Partition {partition} cannot be asked now: {reason}. Ask again in a moment.")

    async def anywhere(self, request: web.Request, what: str, look: Look) -> web.Response:
        """Answer from whichever partition has it. Raises the problems 404 and 503.

        Unknown is only what every partition's owner does not know.
        """
        looked_at: frozenset[int] = frozenset()
        reasons: list[str] = []
        before = None
        for second in (False, True):
            local, owned = self._owners.local(), self._owners.others()
            if (local, owned) == before:
                break
            before = local, owned
            for partition in sorted(local - looked_at):
                document = await look(partition)
                if document is not None:
                    return _json(document)
            if FORWARDED in request.headers:
                problem = unknown(what).response()
                problem.headers[PARTITIONS] = ",".join(map(str, sorted(local)))
                return problem
            looked_at |= local
            others = [url for url, theirs in owned.items() if theirs - looked_at]
            found, seen, reasons = await self._ask_all(others, request)
            if found is not None:
                return _handed_on(found)
            looked_at |= seen
            if looked_at >= self._all:
                raise unknown(what)
            if not second:
                await asyncio.sleep(PAUSE)
        missing = ", ".join(map(str, sorted(self._all - looked_at)))
        reason = "; ".join(reasons) or "they are being assigned"
        raise unavailable(f"Partitions {missing} cannot be asked now: {reason}. Ask again in a moment.")

    async def _ask_all(
        self, workers: list[URL], request: web.Request
    ) -> tuple[Reply | None, frozenset[int], list[str]]:
        """Ask all at once: the first that has it, else which partitions were looked at and who was away."""
        tasks = [asyncio.create_task(self._ask(worker, request)) for worker in workers]
        looked_at: frozenset[int] = frozenset()
        reasons: list[str] = []
        try:
            for answered in asyncio.as_completed(tasks):
                reply = await answered
                if isinstance(reply, str):
                    reasons.append(reply)
                elif reply.status == web.HTTPNotFound.status_code:
                    looked_at |= reply.looked_at
                else:
                    return reply, looked_at, reasons
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return None, looked_at, reasons

    async def _ask(self, worker: URL, request: web.Request) -> Reply | str:
        reply = await self._forwarder.ask(
            worker, request.rel_url.raw_path_qs, request.headers.get("Authorization")
        )
        if isinstance(reply, Reply) and reply.status not in _FINAL:
            return f"the worker at {worker} answered {reply.status}"
        if isinstance(reply, Reply) and reply.content_type != _FINAL[reply.status]:
            return f"what answers at {worker} is no lifecycle worker"
        return reply

    def _owner(self, partition: int) -> URL | None:
        owned = self._owners.others()
        return next((url for url, partitions in owned.items() if partition in partitions), None)


def _json(document: Document) -> web.Response:
    return web.Response(
        body=orjson.dumps(document), content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def _handed_on(reply: Reply) -> web.Response:
    return web.Response(
        status=reply.status,
        body=reply.body,
        content_type=reply.content_type,
        headers={"Cache-Control": "no-store"},
    )
