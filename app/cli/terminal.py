"""How the command line looks: a coloured name before each line of a part's output."""

from __future__ import annotations

import os
from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from app.local.stack_options import Note

WIDTH = 18
LOG_WIDTH = 130
_STYLES: Mapping[str, str] = {
    "ingress": "bold cyan",
    "lifecycle": "bold magenta",
    "openmeter": "bold green",
    "nats": "bold yellow",
}
_SERVER = "bright_black"


class Terminal:
    """Writes whole lines; several threads may use it at once."""

    def __init__(self, console: Console | None = None) -> None:
        """Take a console, by default the standard output's; it writes no colours into a file."""
        self.console = console or Console(highlight=False)
        if not self.console.is_terminal and "COLUMNS" not in os.environ:
            # A log has no width; rich would fold its tables at 80.
            self.console.width = LOG_WIDTH

    def say(self, sentence: str, style: str = "") -> None:
        """Write a sentence of our own."""
        self.console.print(Text(sentence, style=style), soft_wrap=True)

    def line(self, part: str, line: str) -> None:
        """Write one line of a part's output."""
        style = _style(part)
        told = Text.from_ansi(line)
        if style == _SERVER:
            told.stylize(_SERVER)
        self.console.print(Text.assemble((f"{part:<{WIDTH}}", style), ("│ ", _SERVER), told), soft_wrap=True)

    def note(self, note: Note) -> None:
        """Write what happened to a part."""
        mark, style = _MARKS.get(note.occasion, ("·", _SERVER))
        text = Text.assemble(
            (f"{note.part:<{WIDTH}}", _style(note.part)),
            (f"{mark} {note.occasion}", style),
            f"  {note.detail}",
        )
        self.console.print(text, soft_wrap=True)


_MARKS: Mapping[str, tuple[str, str]] = {
    "ready": ("✓", "bold green"),
    "moved": ("!", "bold yellow"),
    "stopped": ("■", _SERVER),
}


def _style(part: str) -> str:
    # lifecycle-2 looks like lifecycle; nats-server and openmeter-sandbox are servers.
    return _STYLES.get(part.rstrip("-0123456789"), _SERVER)
