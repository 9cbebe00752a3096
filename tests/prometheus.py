"""A real Prometheus for tests, and the check that the programs of Debian's packages are there."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.local.ports import LOOPBACK, free_port
from app.local.process import Output
from app.local.server import SingleServer, answers_http

INSTALL = "apt-get install -y prometheus prometheus-alertmanager"
WITHIN = 20
Series = tuple[Mapping[str, str], list[tuple[float, float]]]


def program(name: str) -> str:
    """Return where a program is; skip the test without it, or fail where all must be tested."""
    found = shutil.which(name)
    if found is not None:
        return found
    why = f"{name} is not installed: {INSTALL}"
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def run(*command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run one of those programs."""
    return subprocess.run(
        [program(command[0]), *command[1:]],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )


class Prometheus(SingleServer):
    """Scrapes `targets` (job name to host:port/path) each second and evaluates `rules`."""

    def __init__(self, directory: Path, targets: Mapping[str, str], rules: Path) -> None:
        super().__init__("prometheus", free_port(None).number, Output(log=directory / "prometheus.log"))
        self._directory = directory
        self._config = directory / "prometheus.yml"
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [
                {
                    "job_name": job,
                    "metrics_path": f"/{path}",
                    "static_configs": [{"targets": [host]}],
                }
                for job, (host, _, path) in ((job, where.partition("/")) for job, where in targets.items())
            ],
        }
        self._config.write_text(json.dumps(config))  # JSON is YAML

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def command(self) -> Sequence[str]:
        return [
            program("prometheus"),
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self._directory / 'tsdb'}",
            f"--web.listen-address={LOOPBACK}:{self.port}",
            "--log.level=warn",
        ]

    def environment(self) -> dict[str, str]:
        return {}

    async def answers(self) -> bool:
        return await answers_http(f"{self.url}/-/ready")

    def get(self, path: str, **parameters: str | float) -> Any:
        """Ask the HTTP API; fail with its words when it refuses."""
        with httpx.Client(timeout=10, trust_env=False) as http:
            answer = http.get(f"{self.url}/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", f"{parameters}: {answer}"
        return answer["data"]

    def value(self, expression: str) -> float | None:
        """Return what an expression is now, None without a series; more than one is a mistake."""
        result = self.get("query", query=expression)["result"]
        assert len(result) <= 1, f"{expression}: {result}"
        return float(result[0]["value"][1]) if result else None

    def over(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """Return each series' labels and points; what is no number is left out."""
        result = self.get("query_range", query=expression, start=start, end=end, step=step)["result"]
        return [
            (
                one["metric"],
                [(at, float(value)) for at, value in one["values"] if math.isfinite(float(value))],
            )
            for one in result
        ]
