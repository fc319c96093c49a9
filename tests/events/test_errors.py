"""Every failure has a code of its own that clients and operators can hold on to."""

from __future__ import annotations

from events import errors
from events.errors import BusError, LogError, LogHalted, TidegateError

CODES = {
    "BadName": "bad_name",
    "BusError": "bus_error",
    "BusTimeout": "bus_timeout",
    "ChainBroken": "chain_broken",
    "Conflict": "conflict",
    "LogError": "log_error",
    "LogFull": "log_full",
    "LogHalted": "log_halted",
    "LogRecreated": "log_recreated",
    "LogUnavailable": "log_unavailable",
    "NoResponders": "no_responders",
    "SequenceRanBackwards": "sequence_ran_backwards",
    "TidegateError": "error",
    "UnknownOutcome": "unknown_outcome",
    "UnsafeLog": "unsafe_log",
}


def kinds() -> dict[str, type[TidegateError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, TidegateError)
    }


def test_codes_are_stable() -> None:
    """A code that was ever given out stays with its failure; a new failure is entered here."""
    assert {name: kind.code for name, kind in kinds().items()} == CODES


def test_codes_are_unique() -> None:
    """No two failures share a code."""
    codes = [kind.code for kind in kinds().values()]
    assert len(set(codes)) == len(codes)


def test_every_failure_says_what_to_do_next() -> None:
    """All but the bases, which are never raised themselves."""
    bases = {TidegateError, LogError, BusError}
    assert all(kind.next_step for kind in kinds().values() if kind not in bases)


def test_what_halts_is_never_taken_for_what_passes() -> None:
    """A halt is a failure of the log, but none of those that are tried again."""
    halts = {kind for kind in kinds().values() if issubclass(kind, LogHalted)}
    assert {kind.code for kind in halts} == {
        "chain_broken", "log_halted", "log_recreated", "sequence_ran_backwards",
    }  # fmt: skip
    assert not any(issubclass(kind, (errors.Conflict, errors.UnknownOutcome, errors.LogUnavailable)) for kind in halts)


def test_a_conflict_names_the_actor() -> None:
    """If the log said which, the one who lost its fence can be told from the others."""
    assert errors.Conflict("demo.catalog").actor == "demo.catalog"
    assert "demo.catalog" in str(errors.Conflict("demo.catalog"))
    assert errors.Conflict().actor == ""
