"""Placement: which host owns which partition, as a pure function of which hosts live.

Rendezvous hashing: every host draws a number for every partition, the highest wins. When a host joins or
leaves, only the partitions that it wins or had won move.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from events.limits import PARTITIONS


def _draw(host: str, partition: int) -> bytes:
    return blake2b(f"{partition}:{host}".encode(), digest_size=8).digest()


def owners(hosts: Iterable[str]) -> list[str]:
    """The owner of each partition; empty strings when there are no hosts."""
    living = sorted(hosts)
    if not living:
        return [""] * PARTITIONS
    return [max((_draw(host, partition), host) for host in living)[1] for partition in range(PARTITIONS)]
