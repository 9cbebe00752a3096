"""The whole of Tollbridge on one machine: broker, NATS, OpenMeter sandbox, the four processes.

    async with Stack(StackOptions()) as stack:
        ... post to stack.webhook_url, signed with stack.secret ...

Ended in order: the ingress takes nothing new, the workers finish what they hold, then the servers go.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import tempfile
from collections.abc import Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.local.application import PROCESS_NAMES, USUAL_PORTS, Application, ProcessName
from app.local.kafka import Kafka
from app.local.nats_server import NatsServer
from app.local.ports import free_port
from app.local.process import ProcessFailed
from app.local.sandbox_server import OpenMeterSandbox
from app.local.server import Broker, Server
from app.local.stack_options import Note, Occasion, StackOptions
from app.local.tansu import Tansu
from app.settings import read_settings

_USUAL_KAFKA, _USUAL_NATS, _USUAL_OPENMETER = 9092, 4222, 8888
_POLL = 0.1


class Stack:
    """Parts that are running, by name; `None` for a server that was given or left out."""

    def __init__(self, options: StackOptions) -> None:
        """Take the options; nothing is started yet."""
        self.options = options
        self.secret = options.secret
        self.broker: Broker | None = None
        self.nats_server: NatsServer | None = None
        self.sandbox: OpenMeterSandbox | None = None
        self.applications: dict[str, Application] = {}
        self._cleanup = contextlib.ExitStack()
        self._directory = options.home

    @property
    def webhook_url(self) -> str:
        """Where Stripe's events go."""
        return f"{self.applications['ingress'].url}/webhooks/stripe"

    @property
    def servers(self) -> list[Server]:
        """The broker, NATS and the sandbox, as far as they are ours."""
        return [part for part in (self.broker, self.nats_server, self.sandbox) if part is not None]

    @property
    def addresses(self) -> dict[str, str]:
        """Where everything is, by the name of the part or, for what was given, of its setting."""
        parts: list[Server] = [*self.servers, *self.applications.values()]
        given = {name: value for name, value in self.options.given.items() if name.endswith("_URL")}
        return {**given, **{part.name: part.url for part in parts}}

    def setting(self, name: str) -> str:
        """Return the value of the environment variable `name` that the processes were started with."""
        return self.environment()[name]

    def environment(self) -> dict[str, str]:
        """Return the environment variables that all four processes get."""
        return {
            **{name: value for server in self.servers for name, value in server.environment().items()},
            **self.options.given,
            "STRIPE_WEBHOOK_SECRETS": self.secret,
            **self.options.settings,
        }

    async def start(self) -> None:
        """Start all. Raises ProcessFailed, KafkaUnavailable or SettingsError, with nothing left running."""
        try:
            await self._prepare()
            read_settings(self.environment())  # a wrong one is said once, before anything is started
            await self._together(*(self._start(server) for server in self.servers))
            for process in PROCESS_NAMES:
                if process not in self.options.without:
                    self._add(process, process, {})
            await self._together(*(self._start(part) for part in self.applications.values()))
        except BaseException:
            await self.kill()
            raise

    async def add_lifecycle_worker(self, settings: Mapping[str, str] | None = None) -> Application:
        """Start one more lifecycle worker, with tables and a port of its own."""
        count = sum(part.process == "lifecycle" for part in self.applications.values())
        worker = self._add(f"lifecycle-{count + 1}", "lifecycle", settings or {})
        await self._start(worker)
        return worker

    async def stop(self) -> None:
        """End all parts in order."""
        ingress = [part for part in self.applications.values() if part.process == "ingress"]
        workers = [part for part in self.applications.values() if part.process != "ingress"]
        for group in (ingress, workers, self.servers):
            await asyncio.gather(*(self._stop(part) for part in group))
        self._cleanup.close()

    async def kill(self) -> None:
        """End all parts at once."""
        await asyncio.gather(*(part.kill() for part in [*self.applications.values(), *self.servers]))
        self._cleanup.close()

    async def watch(self) -> None:
        """Return never; raises ProcessFailed, which says how, when a part ends that nobody stopped."""
        while True:
            for part in [*self.servers, *self.applications.values()]:
                if part.died:
                    raise ProcessFailed(part.obituary())
            await asyncio.sleep(_POLL)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _prepare(self) -> None:
        """Make the servers, as far as they are neither given nor left out."""
        given, without = self.options.given, self.options.without
        self._directory = self._choose_directory()
        if "KAFKA_URL" not in given:
            port = self._port(self.options.broker, _USUAL_KAFKA)
            self.broker = await self._make_broker(port)
        if "NATS_URL" not in given and "nats" not in without:
            port = self._port("nats-server", _USUAL_NATS)
            output = self.options.output("nats-server")
            self.nats_server = NatsServer(self._directory / "nats", port, output=output)
        if "OPENMETER_URL" not in given and "openmeter" not in without:
            port = self._port("openmeter-sandbox", _USUAL_OPENMETER)
            output = self.options.output("openmeter-sandbox")
            self.sandbox = OpenMeterSandbox(port, control=self.options.sandbox_control, output=output)

    async def _make_broker(self, port: int) -> Broker:
        output = self.options.output(self.options.broker)
        if self.options.broker == "tansu":
            return Tansu(port, output=output)
        self._note("kafka", "preparing", "fetches its jars the first time, formats its storage")
        return await Kafka.prepare(
            self._directory / "kafka", cache=self.options.jars, port=port, output=output
        )

    def _choose_directory(self) -> Path:
        """Return where NATS, Kafka and the tables keep their data.

        It lives as long as what the broker holds: tables that outlive their changelog, or belong to
        another broker's, would be refused at recovery.
        """
        url = self.options.given.get("KAFKA_URL")
        if url is not None:
            return self.options.home / f"broker-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
        if self.options.broker == "kafka" and not self.options.throwaway:
            return self.options.home / "kept"
        return Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="tollbridge-")))

    def _add(self, name: str, process: ProcessName, settings: Mapping[str, str]) -> Application:
        wanted = self.options.settings.get(f"TOLLBRIDGE_{process.upper()}_PORT", USUAL_PORTS[process])
        usual = int(wanted) if name == process else None
        self.applications[name] = Application(
            process,
            self._port(name, usual),
            {
                "TOLLBRIDGE_DATA_DIR": str(self._directory / "tables" / name),
                **self.environment(),
                **settings,
            },
            name=name,
            output=self.options.output(name),
        )
        return self.applications[name]

    def _port(self, part: str, usual: int | None) -> int:
        port = free_port(usual if self.options.usual_ports else None)
        if port.moved:
            self._note(part, "moved", f"port {port.preferred} is taken, using {port.number}")
        return port.number

    async def _start(self, part: Server) -> None:
        self._note(part.name, "starting")
        await part.start()
        self._note(part.name, "ready", part.url)

    async def _stop(self, part: Server) -> None:
        if part.running:
            self._note(part.name, "stopping")
            await part.stop()
            self._note(part.name, "stopped")

    async def _together(self, *starts: Coroutine[Any, Any, None]) -> None:
        """Run `starts` beside each other; the first that fails, or a part that dies, ends them all."""
        tasks: list[asyncio.Future[Any]] = [asyncio.gather(*starts), asyncio.create_task(self.watch())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _note(self, part: str, occasion: Occasion, detail: str = "") -> None:
        self.options.on_note(Note(part, occasion, detail))
