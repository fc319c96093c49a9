"""The limits of the ground floor keep their relations: each one leaves room for what must fit below it."""

from __future__ import annotations

from actors.runtime import limits as runtime
from actors.runtime.limits import HostLimits, SenderLimits
from events import limits


def test_a_commit_fits_into_a_message_and_a_message_onto_the_wire() -> None:
    """The largest commit, snapshot and page are each smaller than what has to carry them."""
    assert limits.LOG_MESSAGE_BYTES_MAX < limits.SERVER_PAYLOAD_BYTES_MAX < limits.OUTBOUND_BYTES_MAX
    assert limits.SHELF_ITEM_BYTES_MAX < limits.SERVER_PAYLOAD_BYTES_MAX
    assert limits.LOG_MESSAGE_BYTES_MAX < limits.READ_PAGE_BYTES


def test_the_servers_own_limits_are_kept() -> None:
    """One atomic batch has at most 1,000 messages, one look-up at most 1,024 subjects, and 50 batches may be open."""
    assert limits.BATCH_ENTRIES_MAX <= 1_000
    assert limits.LOOKUP_ACTORS_MAX <= 1_024
    assert limits.BATCHES_IN_FLIGHT_MAX <= 50


def test_the_number_of_partitions_never_changes() -> None:
    """It is part of what hosts of different versions must agree on."""
    assert limits.PARTITIONS == 64


def test_every_limit_is_a_positive_whole_number() -> None:
    """A limit of nothing would forbid what it bounds."""
    for module in (limits, runtime):
        values = {name: value for name, value in vars(module).items() if name.isupper()}
        assert values
        assert all(isinstance(value, int) and value > 0 for value in values.values()), values


def test_a_message_of_commands_fits_the_bus() -> None:
    """What a sender gathers, with one last command on top, is less than the server takes as one message."""
    assert (
        SenderLimits().message_bytes_max + runtime.COMMAND_PARTS_MAX * runtime.COMMAND_BYTES_MAX
        < limits.SERVER_PAYLOAD_BYTES_MAX
    )


def test_a_round_fits_one_atomic_append() -> None:
    """The actors of a round and one transaction of the largest kind go together."""
    assert HostLimits().round_actors_max + runtime.COMMAND_PARTS_MAX <= limits.BATCH_ENTRIES_MAX


def test_a_host_stops_being_sure_before_the_others_take_over() -> None:
    """And two beats may be lost before either happens."""
    assert 3 * runtime.BEAT_EVERY_MS <= runtime.SURE_FOR_MS < runtime.DEAD_AFTER_MS
