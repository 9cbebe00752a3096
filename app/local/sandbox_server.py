"""The OpenMeter sandbox, started as a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from app.local.ports import LOOPBACK, free_port
from app.local.process import Output
from app.local.server import SingleServer, answers_http


class OpenMeterSandbox(SingleServer):
    """Stands in for OpenMeter's ingest API on this machine. It forgets on exit."""

    def __init__(
        self, port: int | None = None, *, control: bool = False, output: Output | None = None
    ) -> None:
        """Take `port`, any free one by default, and whether it can be told to misbehave (for tests)."""
        super().__init__("openmeter-sandbox", port or free_port().number, output)
        self._control = control

    @property
    def url(self) -> str:
        """The address as OPENMETER_URL wants it."""
        return f"http://{LOOPBACK}:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the settings with which our processes use it."""
        return {"OPENMETER_URL": self.url}

    def command(self) -> Sequence[str]:
        """Return what to run."""
        control = ["--control"] if self._control else []
        return [sys.executable, "-m", "app.local.openmeter_sandbox", "--port", str(self.port), *control]

    async def answers(self) -> bool:
        """Say whether it lists its events."""
        return await answers_http(f"{self.url}/api/v1/events")
