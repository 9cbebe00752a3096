"""One child process: started, watched, stopped by its own id.

No event loop is tied to a child, so one that a test session shares may be started in one loop and stopped
in another.
"""

from __future__ import annotations

import asyncio
import collections
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TAIL_LINES = 20
_POLL = 0.02
_PROBE_TIMEOUT = 5.0
_LEASH = Path(__file__).with_name("leash.py")

OnLine = Callable[[str, str], None]
"""Takes a process's name and one line of its output. Called on a thread of the process's own."""

Probe = Callable[[], Awaitable[bool]]
"""Says whether a process answers."""


class ProcessFailed(Exception):  # noqa: N818 - says what happened
    """A child did not start, did not become ready, or ended by itself; the text holds its last lines."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where a child's output goes: to a file, appended; to a function, line by line; or nowhere."""

    log: Path | None = None
    on_line: OnLine | None = None


class Process:
    """A child in its own session, so that Ctrl-C reaches only us and we end the children in order."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        output: Output | None = None,
    ) -> None:
        """Take all the environment variables it gets, by default ours, and where its output goes."""
        self.name = name
        self._command = list(command)
        self._environment = None if environment is None else dict(environment)
        self._output = output or Output()
        self._child: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._tail: collections.deque[str] = collections.deque(maxlen=TAIL_LINES)
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """The id of the child that was started last."""
        return self._child.pid if self._child else None

    @property
    def running(self) -> bool:
        """Whether the child is there (a paused one is)."""
        return self._child is not None and self._child.poll() is None

    @property
    def returncode(self) -> int | None:
        """How the child ended; negative for a signal, None while it runs or before it was started."""
        return self._child.poll() if self._child else None

    @property
    def tail(self) -> str:
        """The last lines of the output since the last start."""
        if self._output.log is None:
            return "\n".join(self._tail)
        if not self._output.log.exists():
            return ""
        with self._output.log.open("rb") as log:
            log.seek(max(self._log_start, self._output.log.stat().st_size - 16384))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-TAIL_LINES:])

    def start(self) -> None:
        """Start the child. Raises ProcessFailed when there is no such program, or it is running already."""
        if self.running:
            raise ProcessFailed(f"{self.name} is running already, as process {self.pid}")
        self._tail.clear()
        command = self._command
        if sys.platform == "linux":
            command = [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *command]
        log = self._open_log()
        try:
            self._child = subprocess.Popen(  # noqa: S603 - the commands are ours
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if log is None else log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise ProcessFailed(
                f"{self.name} could not be started: {command[0]}: {error.strerror}"
            ) from error
        finally:
            if log is not None:
                os.close(log)
        if log is None:
            self._reader = threading.Thread(target=self._read, args=(self._child,), daemon=True)
            self._reader.start()

    async def ready(self, probe: Probe, within: float) -> None:
        """Wait until `probe` says yes. Raises ProcessFailed when the child ends, or `within` seconds pass."""
        deadline = time.monotonic() + within
        while True:
            if not self.running:
                raise ProcessFailed(self.obituary("before it was ready"))
            try:
                if await asyncio.wait_for(probe(), min(_PROBE_TIMEOUT, within)):
                    return
            except TimeoutError:
                pass
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{self.name} was not ready within {within:g} s.{self._last_lines()}")
            await asyncio.sleep(0.05)

    async def stop(self, grace: float = 10.0) -> bool:
        """End the child: SIGTERM, and SIGKILL after `grace` seconds. Return whether it ended by itself."""
        if self._child is None or not self.running:
            return True
        self._child.send_signal(signal.SIGCONT)  # a paused process would never see the next one
        self._child.terminate()
        if await self._gone(grace):
            return True
        await self.kill()
        return False

    async def kill(self) -> None:
        """End the child at once with SIGKILL, and whatever it has started itself."""
        if self._child is not None and self.running:
            os.killpg(self._child.pid, signal.SIGKILL)
            await self._gone(10.0)

    def pause(self) -> None:
        """Freeze the child (SIGSTOP), as a long garbage collection or a lost node would.

        Returns when all its threads stand still; WNOWAIT leaves its end, should that come first, to poll.
        """
        child = self._signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let a frozen child go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def obituary(self, when: str = "by itself") -> str:
        """Say how the child ended, with its last lines."""
        return f"{self.name} ended {when} with {_manner(self.returncode)}.{self._last_lines()}"

    def _signal(self, number: signal.Signals) -> subprocess.Popen[bytes]:
        if self._child is None or not self.running:
            raise ProcessFailed(f"{self.name} is not running, so it cannot be sent {number.name}")
        self._child.send_signal(number)
        return self._child

    async def _gone(self, within: float) -> bool:
        deadline = time.monotonic() + within
        while self.running:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_POLL)
        if self._reader is not None:
            await asyncio.to_thread(self._reader.join, 1.0)
        return True

    def _open_log(self) -> int | None:
        if self._output.log is None:
            return None
        self._output.log.parent.mkdir(parents=True, exist_ok=True)
        log = os.open(self._output.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._log_start = os.fstat(log).st_size
        return log

    def _read(self, child: subprocess.Popen[bytes]) -> None:
        """Pass lines on until the child's output ends; a line longer than 16 KiB comes in pieces."""
        if child.stdout is None:
            return
        with child.stdout as stream:
            while line := stream.readline(16384):
                text = line.decode(errors="replace").rstrip()
                self._tail.append(text)
                if self._output.on_line is not None:
                    self._output.on_line(self.name, text)

    def _last_lines(self) -> str:
        tail = self.tail
        return f" Its last lines:\n{tail}" if tail else " It wrote nothing."


def _manner(returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        return signal.Signals(-returncode).name
    return f"exit code {returncode}"
