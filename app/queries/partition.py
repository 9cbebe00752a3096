"""In which partition a key lies: as librdkafka's murmur2_random, which the ingress uses, and Java have it."""

from __future__ import annotations

from aiokafka.partitioner import murmur2


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of `key` in a topic of so many `partitions`."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
