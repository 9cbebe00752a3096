"""Panels that several dashboards have."""

from __future__ import annotations

from app.metrics.labels import Process
from grafana.panel import Panel, Query, Row


def resources(*processes: Process) -> Row:
    """Return what processes use of the machine, instance by instance."""
    which = f'* on (instance, job) group_left (process) tollbridge_info{{process=~"{"|".join(processes)}"}}'
    legend = "{{process}} {{instance}}"
    return Row(
        "Resources",
        (
            Panel(
                "CPU",
                "Processors used by each instance. Near 1: it is single-threaded and full; add replicas.",
                "short",
                "Scale",
                (Query(f"rate(process_cpu_seconds_total[$__rate_interval]) {which}", legend),),
                thresholds=((0, "green"), (0.8, "orange"), (1, "red")),
            ),
            Panel(
                "Memory",
                "Resident memory of each instance.",
                "bytes",
                "Scale",
                (Query(f"process_resident_memory_bytes {which}", legend),),
            ),
            Panel(
                "Open files",
                "File descriptors of each instance: connections, and RocksDB's files.",
                "short",
                "Scale",
                (Query(f"process_open_fds {which}", legend),),
            ),
        ),
    )


def flow(process: Process) -> Row:
    """Return how a worker reads, holds and commits."""
    return Row(
        f"Reading: {process}",
        (
            Panel(
                "Backlog by partition",
                "Messages that the group has not committed. One partition alone: one customer, or one "
                "message, holds it up.",
                "short",
                "TollbridgeBacklogNotDraining",
                (
                    Query(
                        f'max by (topic, partition) (tollbridge_lag_messages{{process="{process}"}})',
                        "{{topic}} {{partition}}",
                    ),
                ),
                width=6,
            ),
            Panel(
                "Committed",
                "Messages whose offset has been committed.",
                "ops",
                "TollbridgeBacklogNotDraining",
                (
                    Query(
                        f'sum(rate(tollbridge_offsets_committed_total{{process="{process}"}}'
                        "[$__rate_interval]))",
                        "committed",
                    ),
                ),
                width=6,
            ),
            Panel(
                "In hand",
                "Messages taken and not settled. At TOLLBRIDGE_IN_FLIGHT: what comes after is too slow.",
                "short",
                "TollbridgeBacklogNotDraining",
                (Query(f'sum(tollbridge_in_flight_messages{{process="{process}"}})', "in hand"),),
                width=6,
            ),
            Panel(
                "Oldest in hand",
                "Age of the oldest message taken and not settled.",
                "s",
                "TollbridgeBacklogNotDraining",
                (Query(f'max(tollbridge_oldest_in_flight_seconds{{process="{process}"}})', "oldest"),),
                width=6,
                thresholds=((0, "green"), (60, "orange"), (300, "red")),
            ),
        ),
    )
