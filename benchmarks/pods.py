"""What the four processes need: `python -m benchmarks.pods [--each-second 200] [--seconds 60]`.

Starts the whole stack on this machine, posts made-up events at a steady rate, and reads each process's CPU
time and resident memory from /proc. The figures stand in docs/deployment.md, and the requests in k8s/ are
made of them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from app.local.process import ProcessFailed
from app.local.stack import Stack
from app.local.stack_options import StackOptions
from tests.road import Road
from tests.town import bodies, town

TICK = os.sysconf("SC_CLK_TCK")
MIB = 1024 * 1024


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of `pid` so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid: int) -> tuple[float, float]:
    """Return the resident memory of `pid` now, and its peak, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Vm")}
    return sizes["VmRSS"] * 1024 / MIB, sizes["VmHWM"] * 1024 / MIB


def made_up(number: int) -> list[bytes]:
    """Return `number` events of many customers."""
    found: list[bytes] = []
    seed = 0
    while len(found) < number:
        found += bodies(town(seed, customers=200))
        seed += 1
    return found[:number]


async def measure(each_second: int, seconds: int, settings: dict[str, str]) -> Iterator[str]:
    """Run it; return the rows of a table."""
    events = made_up(each_second * seconds)
    async with Stack(StackOptions(settings=settings)) as stack:
        road = Road(stack, int(settings["TOLLBRIDGE_TOPIC_PARTITIONS"]))
        pids = {name: part.pid for name, part in stack.applications.items() if part.pid is not None}
        idle = {name: resident(pid)[0] for name, pid in pids.items()}
        before, began = {name: cpu_seconds(pid) for name, pid in pids.items()}, time.monotonic()
        await road.post(events, abreast=32, each_second=each_second)
        took = time.monotonic() - began
        await asyncio.sleep(5)  # the sinks' share of the last events
        for part in stack.applications.values():
            if part.died:
                raise ProcessFailed(part.obituary())
        rows = [f"{len(events)} webhooks in {took:.0f} s, {len(events) / took:.0f}/s"]
        for name, pid in pids.items():
            used = cpu_seconds(pid) - before[name]
            per_event = used / len(events) * 1000
            now, peak = resident(pid)
            cells = (
                f"{used / took:.2f}",
                f"{per_event:.2f} ms",
                *(f"{x:.0f}" for x in (idle[name], now, peak)),
            )
            rows.append(f"| {name} | {' | '.join(cells)} |")
        return iter(rows)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each-second", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    settings = {"TOLLBRIDGE_TOPIC_PARTITIONS": "8"}
    rows = asyncio.run(measure(options.each_second, options.seconds, settings))
    print(next(rows))
    print("| process | CPUs | CPU per webhook | MiB at start | MiB at the end | MiB at most |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print(row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
