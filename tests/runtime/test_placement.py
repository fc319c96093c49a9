"""Which host owns which partition: the same for everyone who knows the same hosts, even, and moving little."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime.placement import owners
from events.limits import PARTITIONS

HOSTS = st.lists(st.from_regex(r"\A[a-z][a-z0-9-]{0,9}\Z"), min_size=1, max_size=12, unique=True)


def test_nobody_owns_anything_without_hosts() -> None:
    """There is no owner to name."""
    assert owners([]) == [""] * PARTITIONS


@settings(max_examples=30, deadline=None)
@given(HOSTS, st.randoms())
def test_the_order_of_the_hosts_is_of_no_account(hosts: list[str], random: object) -> None:
    """Two listeners that heard the same hosts in another order agree."""
    assert owners(hosts) == owners(reversed(hosts)) == owners(set(hosts))


@settings(max_examples=30, deadline=None)
@given(HOSTS)
def test_every_partition_has_one_living_owner(hosts: list[str]) -> None:
    """And nobody who isn't there has any."""
    owned = owners(hosts)
    assert len(owned) == PARTITIONS
    assert set(owned) <= set(hosts)


@settings(max_examples=30, deadline=None)
@given(HOSTS, st.from_regex(r"\A[A-Z]{3}\Z"))
def test_a_host_that_joins_takes_only_for_itself(hosts: list[str], newcomer: str) -> None:
    """What it doesn't win stays where it was; seen backwards: when a host leaves, only its own partitions move."""
    before, after = owners(hosts), owners([*hosts, newcomer])
    assert all(new in (old, newcomer) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("count", [2, 3, 4, 8])
def test_the_shares_are_even(count: int) -> None:
    """Hosts as they are named in use get shares that differ by less than a factor of four, and none goes without."""
    shares = [owners([f"host-{n}" for n in range(count)]).count(f"host-{number}") for number in range(count)]
    assert min(shares) * 4 > max(shares)
    assert min(shares) >= PARTITIONS // count // 2


def test_growing_moves_no_more_than_the_newcomers_share() -> None:
    """From one host to eight, each step moves about a share of the partitions and nothing else."""
    steps = [owners([f"host-{n}" for n in range(count)]) for count in range(1, 9)]
    for count, (before, after) in enumerate(pairwise(steps), 2):
        moved = sum(old != new for old, new in zip(before, after, strict=True))
        assert moved == after.count(f"host-{count - 1}")
        assert moved <= 2 * PARTITIONS // count


def test_owners_are_for_ever() -> None:
    """Hosts of different versions must agree: these values may never change."""
    assert owners(["host-0", "host-1", "host-2"])[:12] == [
        "host-1", "host-2", "host-0", "host-2", "host-1", "host-2",
        "host-1", "host-0", "host-1", "host-0", "host-1", "host-1",
    ]  # fmt: skip
