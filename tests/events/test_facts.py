"""Facts: their names are stable, old versions are read as the newest, and what is personal stays out of sight."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from events import access, catalog, day, quota
from events.commit import GENESIS, Decided, encode
from events.facts import REDACTED, Fact, FactSet, Personal, plain, redacted

NULL = msgspec.Raw(b"null")


class SeatTakenV1(Fact, frozen=True, tag="SeatTaken.1"):
    seat: str


class SeatTakenV2(Fact, frozen=True, tag="SeatTaken.2"):
    row: str
    number: int


class SeatTaken(Fact, frozen=True, tag="SeatTaken.3"):
    row: str
    number: int
    price: int


class SeatFreed(Fact, frozen=True):
    row: str
    number: int


def upcast_v1_v2(old: SeatTakenV1) -> SeatTakenV2:
    return SeatTakenV2(old.seat[0], int(old.seat[1:]))


def upcast_v2_v3(old: SeatTakenV2) -> SeatTaken:
    return SeatTaken(old.row, old.number, price=0)


SEATS = FactSet[SeatTaken | SeatFreed](
    (SeatTaken, SeatFreed), upcasts={SeatTakenV1: upcast_v1_v2, SeatTakenV2: upcast_v2_v3}
)


def commit_of(*facts: Fact) -> bytes:
    return encode("demo.hall", 7, GENESIS, [Decided("c-1", "ann", 6, (fact,), NULL) for fact in facts])


def read(body: bytes) -> list[Fact]:
    return [fact for one in SEATS.read(body).decided for fact in one.facts]


def _tags(facts: FactSet[Any]) -> set[str]:
    return {str(kind.__struct_config__.tag) for kind in facts.current}


class TestNames:
    def test_a_fact_is_written_under_its_name_and_version(self) -> None:
        """Without a tag of its own, a fact is version 1 of its name."""
        assert b'"facts":[{"fact":"SeatFreed.1","number":3,"row":"A"}]' in commit_of(SeatFreed("A", 3))
        assert b'{"fact":"SeatTaken.3"' in commit_of(SeatTaken("A", 3, 20))

    def test_tags_of_facts_that_exist_never_change(self) -> None:
        """What is in the log is found under these names for ever: a fact may join these lists, none may leave them."""
        assert _tags(catalog.FACTS) == {
            "EventTypePut.1", "EventTypeRemoved.1", "Linked.1", "RationLifted.1", "ResourcePut.1",
            "ResourceRationed.1", "ResourceRetired.1", "SchedulePut.1",
            "ScheduleRemoved.1", "Unlinked.1",
        }  # fmt: skip
        assert _tags(day.FACTS) == {
            "Blocked.1", "BookingCancelled.1", "BookingCompleted.1", "BookingConfirmed.1", "BookingDeclined.1",
            "BookingLapsed.1", "BookingMade.1", "BookingMissed.1", "BookingMoved.1", "BookingPending.1",
            "HoldExpired.1", "HoldReleased.1", "OfferLapsed.1", "OfferMade.1", "OfferTaken.1", "ReminderDue.1",
            "SlotsFreed.1", "SlotsHeld.1", "SlotsKept.1", "SlotsTaken.1", "StandbyJoined.1", "StandbyLeft.1",
            "StandbyPassed.1", "Unblocked.1",
        }  # fmt: skip
        assert _tags(quota.FACTS) == {"Advanced.1", "Counted.1", "Recounted.1", "Uncounted.1"}
        assert _tags(access.FACTS) == {
            "ApiKeyIssued.1", "ApiKeyRevoked.1", "ApiKeyRotated.1", "IssuerPut.1", "IssuerRemoved.1",
        }  # fmt: skip
        kinds = (*catalog.FACTS.current, *day.FACTS.current, *quota.FACTS.current, *access.FACTS.current)
        assert {kind.__struct_config__.tag_field for kind in kinds} == {"fact"}

    def test_a_fact_is_frozen(self) -> None:
        """What happened doesn't change."""
        fact = SeatFreed("A", 3)
        with pytest.raises(AttributeError):
            fact.row = "B"  # type: ignore[misc]


class TestReading:
    def test_old_versions_are_read_as_the_newest(self) -> None:
        """Version 1 goes through 2 to 3, version 2 to 3, and the others of the commit stay as they are and where."""
        body = commit_of(SeatTakenV1("A3"), SeatFreed("A", 3), SeatTakenV2("B", 4), SeatTaken("C", 5, 20))
        assert read(body) == [SeatTaken("A", 3, 0), SeatFreed("A", 3), SeatTaken("B", 4, 0), SeatTaken("C", 5, 20)]

    def test_reading_keeps_all_else_of_the_commit(self) -> None:
        """Who asked, when, under which id, and the answer are as they were recorded."""
        commit = SEATS.read(commit_of(SeatTakenV1("A3")))
        one = commit.decided[0]
        assert (commit.actor, commit.at, commit.previous) == ("demo.hall", 7, GENESIS)
        assert (one.id, one.by, one.asked_at, bytes(one.reply)) == ("c-1", "ann", 6, b"null")

    def test_reading_rewrites_nothing(self) -> None:
        """The stored bytes stay what they are, so the hash over them does too."""
        body = commit_of(SeatTakenV1("A3"), SeatTakenV2("B", 4))
        before = bytes(body)
        read(body)
        assert body == before
        assert b"SeatTaken.1" in body and b"SeatTaken.2" in body

    @pytest.mark.parametrize(
        "fact",
        [
            b'{"fact":"SeatTaken.4","row":"A","number":3,"price":1}',
            b'{"fact":"SeatMelted.1"}',
            b'{"row":"A","number":3}',
            b'{"fact":"SeatFreed.1","row":"A"}',
            b'{"fact":"SeatFreed.1","row":"A","number":"3"}',
            b'{"fact":"SeatFreed.1","row":"A","number":3,"colour":"red"}',
            b"3",
        ],
    )
    def test_what_is_no_known_fact_is_refused(self, fact: bytes) -> None:
        """A newer version, an unknown name, a missing, mistyped or unknown field: nothing is guessed."""
        good = commit_of(SeatFreed("A", 3))
        body = good.replace(b'{"fact":"SeatFreed.1","number":3,"row":"A"}', fact)
        assert body != good
        with pytest.raises(msgspec.ValidationError):
            SEATS.read(body)

    def test_another_kinds_fact_is_refused(self) -> None:
        """Each kind of actor reads its own facts only."""
        with pytest.raises(msgspec.ValidationError):
            SEATS.read(commit_of(catalog.ResourceRetired("studio")))


class Guest(msgspec.Struct, frozen=True):
    name: Personal
    seat: int


class Party(Fact, frozen=True):
    host: Guest
    note: Personal
    phone: Personal | None = None
    nicknames: list[Personal] = msgspec.field(default_factory=list)
    guests: tuple[Guest, ...] = ()
    by_table: dict[str, list[Guest]] = msgspec.field(default_factory=dict)
    phones: dict[str, Personal] = msgspec.field(default_factory=dict)
    ages_by_name: dict[Personal, int] = msgspec.field(default_factory=dict)
    plus_one: Guest | None = None
    pair: tuple[int, Personal] | None = None
    regulars: frozenset[Guest] = frozenset()
    answer: msgspec.Raw = msgspec.Raw(b"")
    room: str = "hall"


class TestWhatIsPersonal:
    def test_it_is_redacted_at_any_depth(self) -> None:
        """In fields, records, lists, tuples, sets and dictionaries, optional or not; the rest is shown as it is."""
        ann, bob = Guest("ann", 1), Guest("bob", 2)
        shown = redacted(
            Party(
                ann,
                "ann is late",
                phone="ann-555",
                nicknames=["annie"],
                guests=(ann, bob),
                by_table={"1": [ann], "2": [bob]},
                phones={"home": "ann-556"},
                ages_by_name={"ann": 33},
                plus_one=bob,
                pair=(1, "bob"),
                regulars=frozenset({ann}),
                answer=msgspec.Raw(b'{"name":"ann"}'),
            )
        )
        assert shown == {
            "fact": "Party.1",
            "host": {"name": REDACTED, "seat": 1},
            "note": REDACTED,
            "phone": REDACTED,
            "nicknames": REDACTED,
            "guests": [{"name": REDACTED, "seat": 1}, {"name": REDACTED, "seat": 2}],
            "by_table": {"1": [{"name": REDACTED, "seat": 1}], "2": [{"name": REDACTED, "seat": 2}]},
            "phones": {"home": REDACTED},
            "ages_by_name": REDACTED,
            "plus_one": {"name": REDACTED, "seat": 2},
            "pair": REDACTED,
            "regulars": [{"name": REDACTED, "seat": 1}],
            "answer": REDACTED,
            "room": "hall",
        }

    def test_what_may_be_shown_is_shown_and_what_may_not_be_is_left_out(self) -> None:
        """By the names of fields, at any depth; a field of that name in another record stays."""
        party = Party(Guest("ann", 1), "ann is late", guests=(Guest("bob", 2),))
        shown = plain(party, personal=True, without={Guest: ("seat",), Party: ("answer", "pair")})
        assert (shown["host"], shown["guests"], shown["note"]) == ({"name": "ann"}, [{"name": "bob"}], "ann is late")
        assert not {"answer", "pair"} & set(shown) and shown["fact"] == "Party.1"

    def test_what_is_not_there_is_shown_as_that(self) -> None:
        """That somebody left no phone number tells nobody theirs."""
        shown = redacted(Party(Guest("", 1), ""))
        assert shown["phone"] is None
        assert shown["note"] == ""
        assert shown["host"] == {"name": "", "seat": 1}
        assert shown["nicknames"] == []

    def test_a_command_is_shown_under_its_own_name(self) -> None:
        """Whatever the tagged record, its tag is shown in the field in which it travels."""

        class Invite(msgspec.Struct, frozen=True, tag_field="command", tag="invite"):
            guest: Personal

        assert redacted(Invite("ann")) == {"command": "invite", "guest": REDACTED}

    def test_the_mark_changes_nothing_that_is_stored(self) -> None:
        """The log keeps the text itself; the mark is for those who show it."""
        body = msgspec.json.encode(Guest("ann", 1))
        assert body == b'{"name":"ann","seat":1}'
        assert msgspec.json.decode(body, type=Guest) == Guest("ann", 1)

    def test_what_is_shown_can_be_written(self) -> None:
        """A redacted record is plain data, ready for a log line."""
        shown: Any = redacted(Party(Guest("ann", 1), "late", regulars=frozenset({Guest("bob", 2)})))
        assert b"ann" not in msgspec.json.encode(shown)
