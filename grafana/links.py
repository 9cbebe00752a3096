"""Where alerts and panels point. A team that deploys Tollbridge puts its own two addresses here."""

from __future__ import annotations

RUNBOOK = "https://tollbridge.example/docs/runbook.md"
"""Where people can read docs/runbook.md; change it, then `python -m grafana.build`."""
GRAFANA = "https://grafana.tollbridge.example"
"""Where Grafana is, for the links in alerts."""


def anchor(heading: str) -> str:
    """Return the fragment that a Markdown heading gets, as GitHub and GitLab make it."""
    kept = "".join(letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


def runbook_url(heading: str) -> str:
    """Return the address of the runbook's section `heading`."""
    return f"{RUNBOOK}#{anchor(heading)}"


def dashboard_url(uid: str) -> str:
    """Return the address of the dashboard `uid`."""
    return f"{GRAFANA}/d/{uid}"
