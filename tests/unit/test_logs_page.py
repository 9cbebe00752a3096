"""docs/logs.md names each line that we write, with its levels and fields, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
ELSEWHERE = {"app/cli", "app/local"}
"""What runs on one's own machine only, and speaks to people."""
FROM_FILTERS = {
    "request_malformed": (frozenset({"warning"}), frozenset({"kind", "unlogged"})),
    "librdkafka": (frozenset({"warning"}), frozenset({"kind", "detail", "unlogged"})),
}
"""Lines of libraries that a filter of ours puts into our form."""


@dataclass
class Line:
    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    more: bool = False
    """Whether some fields come from a dictionary, which cannot be read off the call."""


def written() -> dict[str, Line]:
    found: dict[str, Line] = {}
    for name, level, call in _calls():
        line = found.setdefault(name, Line())
        line.levels.add("error" if level == "exception" else level)
        line.fields |= {one.arg for one in call.keywords if one.arg is not None}
        line.fields |= {"exception"} if level == "exception" else set()
        line.more = line.more or any(one.arg is None for one in call.keywords)
    for name, (levels, fields) in FROM_FILTERS.items():
        found[name] = Line(set(levels), set(fields))
    return found


def _calls() -> Iterator[tuple[str, str, ast.Call]]:
    for folder in ("agents", "app", "tables", "billing"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if any(path.relative_to(ROOT).as_posix().startswith(f"{one}/") for one in ELSEWHERE):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id == "log"
                    and node.func.attr in LEVELS
                ):
                    (name,) = node.args
                    assert isinstance(name, ast.Constant), f"{path}: an event's name is a constant"
                    assert isinstance(name.value, str)
                    assert re.fullmatch(r"[a-z][a-z0-9_]*", name.value), f"{path}: {name.value}"
                    yield name.value, node.func.attr, node


def documented() -> dict[str, tuple[set[str], set[str]]]:
    found: dict[str, tuple[set[str], set[str]]] = {}
    for row in (ROOT / "docs" / "logs.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if row.startswith("| `") and len(cells) == 4 and set(cells[1].split(", ")) <= LEVELS:
            name = cells[0].strip("`")
            assert name not in found, f"{name} stands there twice"
            found[name] = (set(cells[1].split(", ")), set(re.findall(r"`([a-z_]+)`", cells[2])))
            assert cells[3], f"{name} has no meaning"
    return found


def test_the_page_names_each_line_and_no_other() -> None:
    assert documented().keys() == written().keys()


def test_the_page_knows_each_lines_levels_and_fields() -> None:
    page = documented()
    for name, line in written().items():
        levels, fields = page[name]
        assert levels == line.levels, name
        assert line.fields <= fields if line.more else line.fields == fields, name
