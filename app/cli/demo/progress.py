"""How far the demo is: a live line in a terminal, a few plain lines elsewhere."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Counts(AbstractContextManager["Counts"]):
    """Counts what was posted and what each sink holds."""

    def __init__(self, console: Console, totals: dict[str, int]) -> None:
        """Take what is counted, and how many there will be."""
        self._console = console
        self._totals = totals
        self._now = dict.fromkeys(totals, 0)
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars = {
            name: self._progress.add_task(name, total=total) for name, total in self._totals.items()
        }
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def advance(self, name: str) -> None:
        """Count one more."""
        self.set(name, self._now[name] + 1)

    def set(self, name: str, count: int) -> None:
        """Say how many there are; a log that is not a terminal gets a line when all are there."""
        total = self._totals[name]
        if not self._console.is_terminal and count >= total > self._now[name]:
            self._console.print(f"{name}: {count} of {total}")
        self._now[name] = count
        self._progress.update(self._bars[name], completed=count)
