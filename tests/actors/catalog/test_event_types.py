"""The rules of the catalog about event types: how long, when, under which rules."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.catalog import (
    CATALOG,
    CatalogPolicy,
    ListEventTypes,
    PutEventType,
    PutResource,
    PutSchedule,
    RemoveEventType,
    decide,
)
from actors.decider import Refusal
from actors.specification import given
from events.catalog import (
    Catalog,
    EventType,
    EventTypePut,
    EventTypeRemoved,
    Question,
    Quota,
    Resource,
    Schedule,
    SchedulePut,
)

OFFICE = Schedule("office", "Office", "UTC")
VISIT = EventType(
    "visit",
    "A visit",
    description="Ring twice.\nThen wait.",
    durations=(60, 50, 15, 10_080),
    interval=20,
    align="clock",
    schedule="office",
    buffer_before=15,
    buffer_after=30,
    notice=1_500,
    horizon_days=90,
    per_resource=Quota(8, 40, 0),
    per_booker=Quota(1),
    approval=True,
    provisional_for=30,
    pending_for=2_880,
    hold_seconds=1,
    hold_seconds_max=1,
    cancel_before=60,
    reschedule_before=120,
    complete_after=None,
    reminders=(1_440, 60),
    questions=(
        Question("name", "Your name", required=True),
        Question("style", "Style", "choice", choices=("jazz", "rock")),
    ),
    locations=("2nd floor", "by phone"),
    price="40 € / h",
    room="launch",
    active=False,
)
Y5 = 5 * 366 * 1_440


def said(event_type: EventType) -> PutEventType:
    return PutEventType(**msgspec.structs.asdict(event_type))


class TestPutting:
    def test_an_event_type_is_put(self) -> None:
        """It is recorded with all that was said, and given back."""
        given(CATALOG, SchedulePut(OFFICE)).when(said(VISIT)).then(EventTypePut(VISIT)).replies(VISIT)

    def test_most_of_it_needn_t_be_said(self) -> None:
        """A title is the slug unless said; the rest has defaults that stand against nothing."""
        given(CATALOG).when(PutEventType("visit")).then(EventTypePut(EventType("visit", "visit")))

    def test_the_same_again_changes_nothing(self) -> None:
        """Reminders may be said in any order."""
        before = given(CATALOG, SchedulePut(OFFICE), EventTypePut(VISIT))
        before.when(said(VISIT)).then_nothing(reply=VISIT)
        before.when(said(msgspec.structs.replace(VISIT, reminders=(60, 1_440)))).then_nothing(reply=VISIT)

    @pytest.mark.parametrize("field", [field for field in EventType.__struct_fields__ if field != "slug"])
    def test_any_change_is_recorded_whole(self, field: str) -> None:
        """Whichever field it is."""
        plain = EventType("visit", "visit")
        changed = msgspec.structs.replace(plain, **{field: getattr(VISIT, field)})
        if field == "hold_seconds_max":
            changed = msgspec.structs.replace(changed, hold_seconds_max=901)
        given(CATALOG, SchedulePut(OFFICE), EventTypePut(plain)).when(said(changed)).then(EventTypePut(changed))

    def test_its_schedule_is_one_that_there_is(self) -> None:
        """Or none."""
        given(CATALOG).when(PutEventType("visit", schedule="office")).then_refused("unknown_schedule")

    def test_only_so_many_fit(self) -> None:
        """A full catalog takes no new one, and still changes those it has."""
        full, policy = given(CATALOG, EventTypePut(EventType("visit", "visit"))), CatalogPolicy(event_types_max=1)
        full.when(PutEventType("talk"), policy=policy).then_refused("too_many_event_types")
        full.when(PutEventType("visit", "A visit"), policy=policy).then(EventTypePut(EventType("visit", "A visit")))

    def test_it_is_removed(self) -> None:
        """What was removed is unknown: nothing remembers that it was there."""
        before = given(CATALOG, EventTypePut(EventType("visit", "visit")))
        before.when(RemoveEventType("visit")).then(EventTypeRemoved("visit")).replies({"slug": "visit"})
        before.given(EventTypeRemoved("visit"), at=1).when(RemoveEventType("visit")).then_refused("unknown_event_type")

    def test_they_are_listed_in_order_and_in_pages(self) -> None:
        """With what each can book: nothing, here."""
        a, b = EventType("a", "a"), EventType("b", "b", active=False)
        before = given(CATALOG, EventTypePut(b), EventTypePut(a))
        before.when(ListEventTypes()).then_nothing(reply={"event_types": [a, b], "links": {"a": [], "b": []}})
        before.when(ListEventTypes(after="a", most=1)).then_nothing(reply={"event_types": [b], "links": {"b": []}})


class TestLimits:
    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"slug": "A visit"}, "bad_identifier"),
            ({"title": "x" * 201}, "title_too_long"),
            ({"title": "a\nb"}, "bad_text"),
            ({"title": " "}, "bad_text"),
            ({"description": "x" * 5_001}, "description_too_long"),
            ({"description": "a\tb"}, "bad_text"),
            ({"durations": ()}, "bad_duration"),
            ({"durations": (14,)}, "bad_duration"),
            ({"durations": (0,)}, "bad_duration"),
            ({"durations": (60, -60)}, "bad_duration"),
            ({"durations": (10_081,)}, "bad_duration"),
            ({"durations": (60, 60)}, "bad_duration"),
            ({"durations": tuple(range(15, 36))}, "too_many_durations"),
            ({"interval": -1}, "bad_interval"),
            ({"interval": 10_081}, "bad_interval"),
            ({"buffer_before": -1}, "bad_buffer"),
            ({"buffer_after": -1}, "bad_buffer"),
            ({"buffer_before": 10_081}, "bad_buffer"),
            ({"buffer_after": 10_081}, "bad_buffer"),
            ({"notice": -1}, "bad_notice"),
            ({"notice": Y5 + 1}, "bad_notice"),
            ({"horizon_days": 0}, "bad_horizon"),
            ({"horizon_days": 1_831}, "bad_horizon"),
            ({"per_resource": Quota(day=-1)}, "bad_quota"),
            ({"per_resource": Quota(week=-1)}, "bad_quota"),
            ({"per_booker": Quota(month=-1)}, "bad_quota"),
            ({"per_booker": Quota(day=1_000_001)}, "bad_quota"),
            ({"provisional_for": -1}, "bad_life"),
            ({"pending_for": -1}, "bad_life"),
            ({"pending_for": Y5 + 1}, "bad_life"),
            ({"hold_seconds": 0}, "bad_hold"),
            ({"hold_seconds": 3_601, "hold_seconds_max": 7_200}, "bad_hold"),
            ({"hold_seconds": 10, "hold_seconds_max": 9}, "bad_hold"),
            ({"hold_seconds_max": 86_401}, "bad_hold"),
            ({"cancel_before": -1}, "bad_deadline"),
            ({"reschedule_before": -1}, "bad_deadline"),
            ({"complete_after": -1}, "bad_completion"),
            ({"reminders": (0,)}, "bad_reminder"),
            ({"reminders": (60, 60)}, "bad_reminder"),
            ({"reminders": (Y5 + 1,)}, "bad_reminder"),
            ({"reminders": tuple(range(1, 12))}, "too_many_reminders"),
            ({"locations": ("",)}, "bad_text"),
            ({"locations": ("here", "here")}, "bad_location"),
            ({"locations": ("x" * 201,)}, "location_too_long"),
            ({"locations": tuple(map(str, range(21)))}, "too_many_locations"),
            ({"price": "x" * 201}, "price_too_long"),
            ({"price": "1\n2"}, "bad_text"),
            ({"room": "The room"}, "bad_identifier"),
        ],
    )
    def test_what_lies_beyond_them_is_refused(self, fields: dict[str, Any], code: str) -> None:
        """Each with the code of its rule."""
        given(CATALOG).when(PutEventType(**{"slug": "visit"} | fields)).then_refused(code)

    @pytest.mark.parametrize(
        "fields",
        [
            {"title": "x" * 200, "description": "é" * 5_000, "price": "x" * 200},
            {"durations": (15, 10_080)},
            {"durations": tuple(range(15, 35))},
            {"interval": 10_080, "buffer_before": 10_080, "buffer_after": 10_080},
            {"notice": Y5, "horizon_days": 1, "provisional_for": Y5, "pending_for": Y5},
            {"horizon_days": 1_830, "per_resource": Quota(1_000_000, 1_000_000, 1_000_000)},
            {"hold_seconds": 3_600, "hold_seconds_max": 86_400},
            {"hold_seconds": 1, "hold_seconds_max": 1},
            {"complete_after": None, "cancel_before": Y5, "reschedule_before": Y5},
            {"reminders": tuple(range(10, 0, -1))},
            {"locations": tuple(map(str, range(20)))},
        ],
    )
    def test_they_lie_within_themselves(self, fields: dict[str, Any]) -> None:
        """The least and the most of everything are accepted."""
        expected = EventType(**{"slug": "visit", "title": "visit"} | fields)
        given(CATALOG).when(PutEventType("visit", **fields)).then(EventTypePut(expected))

    @pytest.mark.parametrize("field", ["per_booker", "questions"])
    def test_what_nobody_knows_is_no_command(self, field: str) -> None:
        """A quota for a year would otherwise be no quota, without a word."""
        value = {"per_booker": '{"year":3}', "questions": '[{"id":"q","label":"Q","must":true}]'}[field]
        with pytest.raises(msgspec.ValidationError, match="unknown field"):
            CATALOG.read_command(f'{{"command":"put_event_type","slug":"a","{field}":{value}}}'.encode())


class TestQuestions:
    @pytest.mark.parametrize(
        ("questions", "code"),
        [
            ([Question("Why?", "Why?")], "bad_identifier"),
            ([Question("", "Why?")], "bad_identifier"),
            ([Question("why", "")], "bad_text"),
            ([Question("why", "a\nb")], "bad_text"),
            ([Question("why", "x" * 201)], "label_too_long"),
            ([Question("why", "Why?"), Question("why", "Again?")], "bad_question"),
            ([Question("why", "Why?", "choice")], "bad_question"),
            ([Question("why", "Why?", "text", choices=("so",))], "bad_question"),
            ([Question("why", "Why?", "boolean", choices=("yes", "no"))], "bad_question"),
            ([Question("why", "Why?", "choice", choices=("so", "so"))], "bad_choice"),
            ([Question("why", "Why?", "choice", choices=("so", ""))], "bad_text"),
            ([Question("why", "Why?", "choice", choices=("x" * 201,))], "choice_too_long"),
            ([Question("why", "Why?", "choice", choices=tuple(map(str, range(51))))], "too_many_choices"),
            ([Question("why", "Why?", characters_max=0)], "bad_question"),
            ([Question("why", "Why?", characters_max=5_001)], "bad_question"),
            ([Question("why", "Why?"), Question("how", "")], "bad_text"),
            ([Question(f"q{number}", "Why?") for number in range(51)], "too_many_questions"),
        ],
    )
    def test_a_question_can_be_asked_and_answered(self, questions: list[Question], code: str) -> None:
        """It has an id of its own, a label, and choices if that is what it asks for: otherwise it is refused."""
        given(CATALOG).when(PutEventType("visit", questions=tuple(questions))).then_refused(code)

    @pytest.mark.parametrize("kind", ["text", "email", "phone", "number", "boolean"])
    def test_every_kind_but_a_choice_goes_without_choices(self, kind: Any) -> None:
        """Up to as many questions as there may be, in the order in which they are asked."""
        questions = tuple(Question(f"q{number}", "Why?", kind, characters_max=5_000) for number in range(50, 0, -1))
        given(CATALOG).when(PutEventType("visit", questions=questions)).then(
            EventTypePut(EventType("visit", "visit", questions=questions))
        )

    def test_a_choice_has_as_many_as_there_may_be(self) -> None:
        """In the order in which they are offered."""
        question = Question("why", "Why?", "choice", True, tuple(map(str, range(50))), 1)
        given(CATALOG).when(PutEventType("visit", questions=(question,))).then(
            EventTypePut(EventType("visit", "visit", questions=(question,)))
        )


@pytest.mark.parametrize(
    ("command", "record"), [(PutResource, Resource), (PutSchedule, Schedule), (PutEventType, EventType)]
)
def test_a_command_puts_what_a_record_holds(command: type[msgspec.Struct], record: type[msgspec.Struct]) -> None:
    """The same fields, types and defaults, but for the name, and the holidays, which nobody puts by hand; and when the
    asker looked, which is for this time only."""
    said = {field.name: field for field in msgspec.structs.fields(command) if field.name != "looked_at"}
    held = {field.name: field for field in msgspec.structs.fields(record)}
    assert set(held) - set(said) <= {"holidays", "holidays_since"}
    assert set(said) <= set(held)
    for name in set(said) - {"name", "title"}:
        assert said[name].type == held[name].type
        assert said[name].default == held[name].default


def test_a_refusal_says_where_a_number_should_lie() -> None:
    """A sentence, with the bounds and what was said."""
    refusal = decide(Catalog(), PutEventType("visit", horizon_days=9_999), 0, CatalogPolicy())
    assert refusal == Refusal("bad_horizon", "the horizon is 1 to 1830 days, not 9999")
