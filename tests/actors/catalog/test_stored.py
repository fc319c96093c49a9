"""The catalog's facts as they lie in the log: these bytes are written there, and are read for ever."""

from __future__ import annotations

import msgspec
import pytest

from events.catalog import (
    FACTS,
    CatalogFact,
    EventType,
    EventTypePut,
    EventTypeRemoved,
    Linked,
    Question,
    Quota,
    RationLifted,
    Resource,
    ResourcePut,
    ResourceRationed,
    ResourceRetired,
    Schedule,
    SchedulePut,
    ScheduleRemoved,
    Unlinked,
    Window,
)
from events.codec import canonical
from events.commit import GENESIS, Decided, encode

GOLDEN: list[tuple[CatalogFact, str]] = [
    (
        ResourcePut(
            Resource("mic", "Mikro", "UTC", 4, "mic", "a\nb", "late", standalone=False, metadata={"b": "ä", "a": ""})
        ),
        (
            '{"fact":"ResourcePut.1","resource":{"capacity":4,"description":"a\\nb","id":"mic","metadata":{"a":"","b":"ä"},'
            '"name":"Mikro","schedule":"late","standalone":false,"time_zone":"UTC","type":"mic"}}'
        ),
    ),
    (ResourceRetired("mic"), '{"fact":"ResourceRetired.1","id":"mic"}'),
    (ResourceRationed("mic", 2), '{"fact":"ResourceRationed.1","id":"mic","most":2}'),
    (RationLifted("mic"), '{"fact":"RationLifted.1","id":"mic"}'),
    (
        SchedulePut(
            Schedule(
                "late",
                "Late",
                "Europe/Berlin",
                {"wed": (Window(0, 15),), "mon": (Window(480, 720), Window(1_200, 1_440))},
                {"2026-12-24": (), "2026-12-23": (Window(0, 1_440),)},
                "DE",
                {"2026-12-25": "Erster Weihnachtstag"},
                2026,
            )
        ),
        (
            '{"fact":"SchedulePut.1","schedule":{"holidays":{"2026-12-25":"Erster Weihnachtstag"},"holidays_since":'
            '2026,"id":"late","name":"Late","overrides":{"2026-12-23":[[0,1440]],"2026-12-24":[]},"region":"DE",'
            '"time_zone":"Europe/Berlin","weekly":{"mon":[[480,720],[1200,1440]],"wed":[[0,15]]}}}'
        ),
    ),
    (ScheduleRemoved("late"), '{"fact":"ScheduleRemoved.1","id":"late"}'),
    (
        EventTypePut(
            EventType(
                "visit",
                "Visit",
                durations=(60, 50),
                per_booker=Quota(1, 2, 3),
                complete_after=None,
                reminders=(1_440, 60),
                questions=(Question("why", "Why?", "choice", choices=("so", "or so")),),
                locations=("here",),
            )
        ),
        (
            '{"event_type":{"active":true,"align":"window","approval":false,"buffer_after":0,"buffer_before":0,'
            '"cancel_before":0,"complete_after":null,"description":"","durations":[60,50],"hold_seconds":10,'
            '"hold_seconds_max":900,"horizon_days":365,"interval":0,"locations":["here"],"notice":0,"pending_for":0,'
            '"per_booker":{"day":1,"month":3,"week":2},"per_resource":{"day":0,"month":0,"week":0},"price":"",'
            '"provisional_for":0,"questions":[{"characters_max":500,"choices":["so","or so"],"id":"why","kind":'
            '"choice","label":"Why?","required":false}],"reminders":[1440,60],"reschedule_before":0,"room":"","schedule":"",'
            '"slug":"visit","title":"Visit"},"fact":"EventTypePut.1"}'
        ),
    ),
    (EventTypeRemoved("visit"), '{"fact":"EventTypeRemoved.1","slug":"visit"}'),
    (Linked("visit", "mic"), '{"event_type":"visit","fact":"Linked.1","resource":"mic"}'),
    (Unlinked("visit", "mic"), '{"event_type":"visit","fact":"Unlinked.1","resource":"mic"}'),
]


def read(body: bytes) -> CatalogFact:
    commit = encode("demo.catalog", 7, GENESIS, [Decided("c", "ann", 6, (msgspec.Raw(body),), msgspec.Raw(b"null"))])
    return FACTS.read(commit).decided[0].facts[0]


@pytest.mark.parametrize(("fact", "body"), GOLDEN, ids=lambda value: type(value).__name__)
def test_a_fact_is_written_and_read_as_ever(fact: CatalogFact, body: str) -> None:
    """Byte for byte: whoever changes this changes what was written before."""
    assert canonical(fact).decode() == body
    assert read(body.encode()) == fact


def test_each_kind_of_fact_has_its_golden_bytes() -> None:
    """One that joins the set joins this list."""
    assert [type(fact) for fact, _ in GOLDEN] == list(FACTS.current)


def test_a_resource_from_before_it_had_more_than_a_place_is_read() -> None:
    """What it didn't say yet has its default."""
    body = b'{"fact":"ResourcePut.1","resource":{"capacity":2,"id":"a","name":"A","time_zone":"UTC"}}'
    assert read(body) == ResourcePut(Resource("a", "A", "UTC", 2))
