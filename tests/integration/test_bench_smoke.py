"""The benchmarks still measure: every figure is there, and the file is what its schema says."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import orjson
import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = orjson.loads((ROOT / "benchmarks" / "schema.json").read_bytes())
FIGURES = {
    "ingress.to_verify_only",
    "ingress.to_aiokafka",
    "ingress.p99_to_aiokafka",
    "lifecycle.to_obvious_agent",
    "road.to_lifecycle_alone",
    "ingress.tollbridge.rate",
    "ingress.tollbridge.p50",
    "ingress.tollbridge.p99",
    "ingress.verify_only.rate",
    "ingress.verify_only.p50",
    "ingress.verify_only.p99",
    "ingress.aiokafka.rate",
    "ingress.aiokafka.p50",
    "ingress.aiokafka.p99",
    "lifecycle.tollbridge",
    "lifecycle.obvious_agent",
    "road.rate",
    "road.latency.openmeter.p50",
    "road.latency.openmeter.p99",
    "road.latency.nats.p50",
    "road.latency.nats.p99",
}


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_benchmarks_measure_every_part_of_the_road(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks", "--smoke", "--output", str(results)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    assert process.returncode == 0, said.decode()
    run = orjson.loads(results.read_bytes())
    Draft202012Validator(SCHEMA).validate(run)
    assert set(run["figures"]) == FIGURES
    assert all(min(series["rounds"]) > 0 for series in run["figures"].values())


def test_the_committed_figures_are_what_the_schema_says() -> None:
    run = orjson.loads((ROOT / "benchmarks" / "results" / "latest.json").read_bytes())
    Draft202012Validator(SCHEMA).validate(run)
    assert set(run["figures"]) == FIGURES
    assert run["broker"] == "Apache Kafka, one broker"
