"""What all local servers and processes have in common: start, answer, stop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

import httpx

from app.local.ports import is_free
from app.local.process import Output, Process, ProcessFailed


class Server(Protocol):
    """A part of the stack that we run. `start` and `restart` return when it answers."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        ...

    @property
    def url(self) -> str:
        """Where it is, as the settings want it."""
        ...

    @property
    def running(self) -> bool:
        """Whether all its processes are there."""
        ...

    @property
    def died(self) -> bool:
        """Whether a process of it ended that nobody stopped."""
        ...

    def environment(self) -> dict[str, str]:
        """Return the settings with which our processes use it."""
        ...

    async def start(self) -> None:
        """Start it. Raises ProcessFailed with its last lines when it does not come."""
        ...

    async def answers(self) -> bool:
        """Say whether it answers now."""
        ...

    async def stop(self) -> None:
        """End it in good order; harmless when it is not running."""
        ...

    async def kill(self) -> None:
        """End it at once, as a lost node would."""
        ...

    async def restart(self) -> None:
        """Stop it, and start it at the same address."""
        ...

    def obituary(self) -> str:
        """Say which process ended and how, with its last lines."""
        ...


class Broker(Server, Protocol):
    """A Kafka-compatible broker, or several."""

    @property
    def bootstrap(self) -> str:
        """`host:port`, comma-separated, as Kafka clients want it."""
        ...

    @property
    def remembers(self) -> bool:
        """Whether what it holds survives its end."""
        ...


class SingleServer(ABC):
    """A server that is one process. Subclasses say how it is started and what shows that it answers."""

    start_within = 30.0
    stop_within = 10.0

    def __init__(self, name: str, port: int, output: Output | None = None) -> None:
        """Take the `name` that messages and log lines bear, and the `port` where it will listen."""
        self.port = port
        self._name = name
        self._output = output
        self._process: Process | None = None
        self._wanted = False

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self._name

    @property
    def pid(self) -> int | None:
        """The id of its process, once started."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.running

    @property
    def died(self) -> bool:
        """Whether its process ended though nobody stopped it."""
        return self._wanted and not self.running

    @property
    def returncode(self) -> int | None:
        """How its process ended, if it did."""
        return self._process.returncode if self._process else None

    @property
    def tail(self) -> str:
        """The last lines of its output."""
        return self._process.tail if self._process else ""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return what to run."""

    @abstractmethod
    async def answers(self) -> bool:
        """Say whether it answers now."""

    def variables(self) -> Mapping[str, str] | None:
        """Return all the environment variables that it is started with; None for ours."""
        return None

    def launch(self) -> None:
        """Start the process and return at once. Raises ProcessFailed.

        The port is tried first: whoever has it would answer in this server's name.
        """
        if not self.running and not is_free(self.port):
            raise ProcessFailed(f"{self._name} cannot start: something else listens on port {self.port}")
        self._process = Process(self._name, self.command(), environment=self.variables(), output=self._output)
        self._process.start()
        self._wanted = True

    async def ready(self, within: float | None = None) -> None:
        """Wait until it answers. Raises ProcessFailed with its last lines."""
        await self._started().ready(self.answers, within or self.start_within)

    async def start(self) -> None:
        """Start it and wait until it answers; one that does not is ended. Raises ProcessFailed."""
        self.launch()
        try:
            await self.ready()
        except BaseException:
            await self.kill()
            raise

    async def stop(self) -> None:
        """End it: SIGTERM, then SIGKILL."""
        self._wanted = False
        if self._process is not None:
            await self._process.stop(self.stop_within)

    async def kill(self) -> None:
        """End it with SIGKILL."""
        self._wanted = False
        if self._process is not None:
            await self._process.kill()

    async def restart(self) -> None:
        """Stop it, and start it at the same address."""
        await self.stop()
        await self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP)."""
        self._started().pause()

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self._started().resume()

    def obituary(self) -> str:
        """Say how it ended, with its last lines."""
        return self._started().obituary()

    def _started(self) -> Process:
        if self._process is None:
            raise RuntimeError(f"{self._name} has not been started")
        return self._process


async def answers_http(url: str) -> bool:
    """Say whether a GET of `url` is answered with 200."""
    try:
        # Without trust_env a proxy variable would send a loopback address out of the house.
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
            return (await client.get(url)).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
