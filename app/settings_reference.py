"""docs/environment-variables.md, written from the settings themselves.

`python -m app.settings_reference` writes it; a test says when it is out of date.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from app.settings import SECRET_PREFIX, Settings, variable

PAGE = Path(__file__).resolve().parents[1] / "docs" / "environment-variables.md"
SOURCES = [
    Path(__file__).with_name(name)
    for name in ("settings.py", "settings_stripe_api.py", "settings_tracing.py")
]
_SECTION = re.compile(r"^    # (?P<title>[A-Z].*)$")
_FIELD = re.compile(r"^    (?P<name>[a-z][a-z0-9_]*): ")

INTRODUCTION = """# Environment variables

Every setting comes from the environment and is read once, at start. Every one has a default that runs
locally, but for Stripe's signing secret. A wrong one stops the start with a sentence that names it
(exit code 2). An empty variable is as if it were not set. Secrets are never logged.

This page is generated from the settings' modules in `app/`: `python -m app.settings_reference`.
"""


def page() -> str:
    """Return the whole page as Markdown."""
    lines = [INTRODUCTION]
    for title, names in sections():
        lines += [f"## {title}", "", "| variable | default | values | what it does |", "|---|---|---|---|"]
        lines += [_row(name, Settings.model_fields[name]) for name in names]
        lines.append("")
    return "\n".join(lines)


def sections() -> Iterator[tuple[str, list[str]]]:
    """Yield the headings under which `Settings` groups its fields, each with its fields, in order."""
    for source in SOURCES:
        yield from _sections(source)


def _sections(source: Path) -> Iterator[tuple[str, list[str]]]:
    title, names = "", list[str]()
    for line in source.read_text(encoding="utf-8").splitlines():
        if section := _SECTION.match(line):
            if names:
                yield title, names
            title, names = section["title"], []
        elif (field := _FIELD.match(line)) and field["name"] in Settings.model_fields:
            names.append(field["name"])
    if names:
        yield title, names


def _row(name: str, field: FieldInfo) -> str:
    if name == "webhook_secrets":
        names = f"`{SECRET_PREFIX}`, `{SECRET_PREFIX}_<NAME>`"
        return f"| {names} | required by the ingress | `whsec_...`, a secret | {field.description} |"
    default = (
        "none" if field.default is None else f"`{_text(field.default)}`" if field.default != "" else "empty"
    )
    values = _values(field.annotation) + _bounds(field.metadata)
    return f"| `{variable(name)}` | {default} | {values} | {field.description} |"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _values(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if origin is Annotated:
        return _values(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return _values(next(one for one in get_args(annotation) if one is not type(None)))
    names = {
        bool: "`true`, `false`",
        int: "integer",
        float: "number",
        str: "text",
        SecretStr: "text, a secret",
    }
    return names[annotation]


def _bounds(metadata: list[Any]) -> str:
    words = []
    for bound in metadata:
        match bound:
            case Gt():
                words.append(f"above {bound.gt}")
            case Ge():
                words.append(f"{bound.ge} or more")
            case Le():
                words.append(f"at most {bound.le}")
    return "".join(f", {word}" for word in words)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
