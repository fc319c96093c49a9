"""Examples of all that is asked and answered, as the description shows them: one morning of the organisation `demo`.

Each is what it is an example of, so the type checker reads them as well, and a test holds them to their own schemas.
What is asked is shown without what need not be said, what is answered is shown whole. They are in one module because
they tell one story: somebody books the northern studio with two microphones, and a premiere has a line at its door.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

import msgspec

from events.access import Issuer
from events.catalog import Question, Quota, Resource
from gateway.http.operating import LIVES, Ready
from gateway.measuring.around import Part, Standing
from gateway.operations.access import (
    Ended,
    IssuerWanted,
    KeyOver,
    KeyRotation,
    Keys,
    KeyShown,
    KeyTold,
    KeyWanted,
)
from gateway.operations.audit import (
    BookingHistory,
    BookingStep,
    Break,
    ChainProof,
    Commits,
    CommitShown,
    DecidedShown,
    FactShown,
    Link,
)
from gateway.operations.bookings import (
    Booked,
    BookingShown,
    BookWanted,
    Changed,
    Explained,
    For,
    Managed,
    MoveWanted,
    Page,
    Units,
)
from gateway.operations.draws import DrawProof, Joins
from gateway.operations.explaining import Against, Explanation, Rule, Taken
from gateway.operations.holds import HoldKept, HoldPlaced, HoldReleased
from gateway.operations.offerings import (
    EventTypeShown,
    EventTypeWanted,
    Hours,
    Put,
    ResourceWanted,
    ScheduleShown,
    ScheduleWanted,
)
from gateway.operations.passing import PassGood
from gateway.operations.rooms import Drawn, DrawWanted, LaneShown, LaneWanted, RoomPut, RoomShown, RoomWanted, Stepped
from gateway.operations.sessions import SessionBegun
from gateway.operations.slots import Months, SlotShown
from gateway.operations.standby import StandbyLeft, StandbyWanted, StoodBy
from gateway.operations.tickets import Alive, Eta, Joined, JoinWanted, Over, Seat, TicketShown
from gateway.operations.webhooks import (
    DeadLetter,
    DeadLetters,
    Deliveries,
    DeliveryAttempt,
    Disabling,
    Enabling,
    LateDelivery,
    Replayed,
    ReplayWanted,
    SecretRotation,
    SecretTold,
    Switched,
    Tried,
    WebhookGone,
    WebhookPut,
    WebhookShown,
    WebhookWanted,
)
from gateway.operations.wishes import Along, Wanted
from projections.numbers import LaneNumbers, RoomNumbers, WaitsNumbers
from projections.questions import RoomLine

BERLIN: Final = "Europe/Berlin"
NORTH: Final = "studio-north"
BEGINS, ENDS, LATER = "2026-12-07T10:00:00+01:00", "2026-12-07T12:00:00+01:00", "2026-12-07T14:00:00+01:00"
NOW, SOON, TONIGHT, TOMORROW = (
    "2026-11-22T03:04:33.323Z", "2026-11-22T03:05:03.323Z", "2026-11-22T19:00:00.000Z", "2026-11-23T03:04:33.323Z",
)  # fmt: skip
TOKEN: Final = "nN6zXdOmuqZFc6cgQTO9aIAn"  # noqa: S105  # opens nothing
BOOKING: Final = "studio-north.2026-12-07.b-k3v7x2mqa5"
HOLD: Final = "studio-north.2026-12-07.h-k3v7x2mqa5~mics.2026-12-07"
STANDBY: Final = "studio-north.2026-12-07.y-k3v7x2mqa5"
TICKET: Final = "launch.0.17"
ADA: Final = For("Ada Brandt", "ada@example.org")
MICS: Final = Along("mics", 2)
ANSWERS: Final = {"project": "Take 1"}
PROJECT: Final = Question("project", "What are you working on?")
HASH, BEFORE = "9f2c6b1f" * 8, "27d1a0e4" * 8
AT: Final = 4711
POSITION: Final = f"afd341667d80:{AT}"
PASS: Final = "eyJhbGciOiJFZERTQSJ9.eyJqdGkiOiJsYXVuY2guMC4xNyJ9.c2lnbmF0dXJl"  # noqa: S105  # signed with the word "signature"
HOOK: Final = "https://shop.example.com/hooks/tidegate"
SHOP_SECRET: Final = "whsec_dGhpcyBpcyBhbiBleGFtcGxl"  # noqa: S105  # it says that it is an example
DRAW_SECRET, COMMITMENT = "as long as you like, and told to nobody before", "5b0a77c1" * 8
DAYS_OPEN: Final[Any] = {
    "mon": (Hours("09:00", "22:00"),), "tue": (Hours("09:00", "22:00"),), "sat": (Hours("10:00", "20:00"),),
}  # fmt: skip

_SHOWN: Final = BookingShown(
    BOOKING, "session", "confirmed", BEGINS, ENDS, BERLIN, (Units(NORTH, 1), Units("mics", 2)), ADA, ANSWERS,
    NOW, None, 0, "",
)  # fmt: skip
_SESSION: Final[dict[str, Any]] = {
    "title": "Recording session", "durations": (120, 60, 240), "interval": 60, "buffer_before": 15, "buffer_after": 30,
    "notice": 60, "horizon_days": 180, "per_booker": Quota(week=5), "hold_seconds": 30, "cancel_before": 1_440,
    "reschedule_before": 1_440, "reminders": (1_440, 60), "questions": (PROJECT,), "price": "60 € an hour",
    "resources": ("mics", NORTH, "studio-south"),
}  # fmt: skip
_KEY: Final = KeyShown("front-desk", "The front desk", "operator", ("bookings.read",), "good", NOW, None, None)
_SEAT: Final = Seat(TICKET, "active", SOON, TONIGHT, PASS)
_LANE: Final = LaneNumbers("", 412, 0, 180, 12, 3, 20, 197, 190, 7, 9, 11, 170)
_SOON: Final = Eta(240, 300, 420, "")
_STANDS: Final = (TICKET, "waiting", "", 17, 0, 17, 9, 10, _SOON, None)

ASKED: Final[tuple[msgspec.Struct, ...]] = (
    Wanted(event_type="session", resource=NORTH, start="2026-12-07T10:00", duration=120, tz=BERLIN, along=(MICS,)),
    BookWanted(
        event_type="session", resource=NORTH, start="2026-12-07T10:00", duration=120, tz=BERLIN, along=(MICS,),
        booker=ADA, answers=ANSWERS,
    ),
    StandbyWanted(event_type="session", resource=NORTH, start="2026-12-07T10:00", duration=120, booker=ADA),
    Managed(TOKEN),
    Explained(TOKEN, "The drummer is ill."),
    MoveWanted(manage_token=TOKEN, start="2026-12-07T14:00"),
    ResourceWanted(BERLIN, "Studio North, recording", 1, "studio", schedule="berlin-hours", metadata={"floor": "2"}),
    ScheduleWanted(BERLIN, "Berlin, days and evenings", DAYS_OPEN, {"2026-12-24": ()}, "DE-BE"),
    EventTypeWanted(**_SESSION),
    RoomWanted(
        title="The premiere", capacity=20, per_minute=120, active_s=300, active_max_s=1_800, claim_s=30,
        absent_after_s=30, lanes=(LaneWanted("members", "Members", ("GOLD",)),), opens_at="2026-12-07T18:00:00+01:00",
    ),
    DrawWanted(DRAW_SECRET, "4 8 15 16 23 42"),
    JoinWanted(email="ada@example.org"),
    KeyWanted("operator", "The front desk", ("bookings.read",), id="front-desk"),
    KeyRotation(3_600),
    IssuerWanted(
        url="https://login.example.com", audience="tidegate", roles_claim=("realm_access", "roles"),
        roles={"desk": "operator"},
    ),
    WebhookWanted(url=HOOK, events=("booking.*",), description="The shop"),
    SecretRotation(3_600),
    Enabling(afresh=True),
    Disabling("The shop is being moved."),
    ReplayWanted(("4711-0",)),
)  # fmt: skip

TOLD: Final[tuple[msgspec.Struct, ...]] = (
    SessionBegun(
        "vsfmlenn7cnh3oqmotuekfv7", "ba6d504bcd1c746e1b038e60a5e0f9bb", "ts.demo.vsfmlenn7cnh3oqmotuekfv7.6a45019e.…",
        "2026-12-22T03:04:33.323Z",
    ),
    Resource(NORTH, "Studio North, recording", BERLIN, 1, "studio", "", "berlin-hours", metadata={"floor": "2"}),
    ScheduleShown(
        BERLIN, "Berlin, days and evenings", DAYS_OPEN, {"2026-12-24": ()}, "DE-BE", "berlin-hours",
        {"2026-12-25": "Erster Weihnachtstag", "2026-12-26": "Zweiter Weihnachtstag"},
    ),
    EventTypeShown(**_SESSION, slug="session"),
    Put(NORTH),
    HoldPlaced(HOLD, BEGINS, ENDS, BERLIN, SOON, "2026-11-22T03:19:33.323Z"),
    HoldKept(HOLD, SOON),
    HoldReleased(HOLD),
    Booked(BOOKING, "confirmed", TOKEN, BEGINS, ENDS, BERLIN, None),
    Page((_SHOWN,), ""),
    Changed(BOOKING, "confirmed", 0),
    StoodBy(STANDBY, 1),
    StandbyLeft(STANDBY),
    RoomLine("launch", "The premiere", "open", 180, 20),
    RoomShown(
        "launch", "open", "The premiere", "", (LaneShown("members", "Members", 4, 31), LaneShown("", "", 176, 182)),
        _SOON, None, "2026-12-07T17:00:00.000Z", None, False, 0, False, 30, "",
    ),
    RoomNumbers(
        1_795_316_673_323, "open", _LANE, (_LANE,), WaitsNumbers(197, 210, 340, 420), 21, 19, 120, 20
    ),
    RoomPut("launch", "scheduled"),
    Stepped("launch", "open"),
    Drawn(HASH, {"": 180, "members": 4}),
    PassGood(TICKET, "ba6d504bcd1c746e1b038e60a5e0f9bb", SOON),
    TicketShown(*_STANDS),
    Joined(*_STANDS, new=True),
    Alive(TICKET, "active", _SEAT),
    Over(TICKET),
    KeyTold(**msgspec.structs.asdict(_KEY), key="tg.demo.front-desk.…"),
    Keys((_KEY,), (KeyOver("old-desk", "revoked", NOW),), ""),
    Ended("front-desk"),
    Issuer(
        "staff", "https://login.example.com", "tidegate", "https://login.example.com/jwks", ("realm_access", "roles"),
        {"desk": "operator"},
    ),
    WebhookPut("shop", True, SHOP_SECRET),
    WebhookShown("shop", HOOK, ("booking.*",), "The shop", True, "", 1),
    WebhookGone("shop"),
    SecretTold("shop", SHOP_SECRET, TOMORROW),
    Switched("shop", True),
    Tried("test-1795316673323"),
    Deliveries(
        208, 1, NOW, None, (DeliveryAttempt("4711-0", "booking.confirmed", NOW, 42, 200, ""),), 1,
        (LateDelivery("4712-0", 2, NOW, SOON),),
    ),
    DeadLetters((DeadLetter("3900-0", "booking.cancelled", 14, NOW, TOMORROW, "timeout"),), 0),
    Replayed(1, 0),
    BookingHistory(
        None, _SHOWN, (
            BookingStep(
                AT, POSITION, NOW, "session:vsfmlenn7cnh3oqmotuekfv7", "BookingConfirmed.1", {"booking": BOOKING},
                "confirmed",
            ),
        ),
    ),
    Commits(
        "day.studio-north.2026-12-07", (
            CommitShown(
                AT, POSITION, NOW, HASH, BEFORE, ("day.studio-north.2026-12-07", "day.mics.2026-12-07"), (
                    DecidedShown(
                        "899f2644604b2c44787ff93d4df68988-e52d195a", "key:front-desk", NOW,
                        (FactShown("BookingCancelled.1", {"booking": BOOKING, "reason": "The drummer is ill."}),),
                    ),
                ), "",
            ),
        ), "",
    ),
    ChainProof(
        "day.studio-north.2026-12-07", True, 12, Link(AT, HASH), Link(AT, HASH), True, None, f"12-{AT}-{HASH}"
    ),
    Break(AT, "chain_broken", f"the commit stands on {BEFORE[:12]}…, and the one before it, at 4650, hashes to …"),
    Explanation(
        False, BEGINS, ENDS, "Europe/Berlin", None, (
            Against("studio-north", "full", "it is taken", (Taken(BEGINS, ENDS, "full", 0),)),
        ), POSITION,
    ),
    Rule("outside_schedule", "it is not open for the whole of the visit"),
    DrawProof(
        "launch", AT, POSITION, NOW, "key:front-desk", COMMITMENT, 4600, 4603, DRAW_SECRET, "4 8 15 16 23 42", (HASH,),
        HASH, 4710, {"": 2}, (Joins(4604, 0, 0, "", 2),),
    ),
    Ready(True, standing=Standing(Part(True, ""), Part(True, "64 of 64"), Part(True, ""))),
)  # fmt: skip

_OTHERS: Final[Mapping[Any, Any]] = {
    tuple[SlotShown, ...]: (
        SlotShown(BEGINS, ENDS, "free", 1), SlotShown(ENDS, LATER, "held", 0),
        SlotShown(LATER, "2026-12-07T16:00:00+01:00", "full", 0),
    ),
    Months: {"2026-12-06": False, "2026-12-07": True, "2026-12-08": True},
    dict[str, Any]: {
        "keys": [
            {
                "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "use": "sig", "alg": "EdDSA",
            }
        ]
    },
    str: LIVES,
    bytes: "tidegate_requests_under_way 3\n",
}  # fmt: skip
"""What is answered that is no struct."""
_BY_ROUTE: Final[Mapping[str, Any]] = {
    "POST /v1/{org}/bookings/{booking}/cancel": Changed(BOOKING, "cancelled", 0),
    "POST /v1/{org}/bookings/{booking}/complete": Changed(BOOKING, "completed", 0),
    "POST /v1/{org}/bookings/{booking}/decline": Changed(BOOKING, "declined", 0),
    "POST /v1/{org}/bookings/{booking}/no-show": Changed(BOOKING, "no_show", 0),
    "POST /v1/{org}/bookings/{booking}/reschedule": Changed(BOOKING, "confirmed", 1),
    "PUT /v1/{org}/schedules/{id}": Put("berlin-hours"),
    "DELETE /v1/{org}/schedules/{id}": Put("berlin-hours"),
    "PUT /v1/{org}/event-types/{slug}": Put("session"),
    "DELETE /v1/{org}/event-types/{slug}": Put("session"),
    "DELETE /v1/{org}/issuers/{id}": Ended("staff"),
    "POST /v1/{org}/webhooks/{id}/disable": Switched("shop", False),
    "GET /v1/{org}/events": (
        f'id: {POSITION}\nevent: delta\ndata: {{"type":"delta","topic":"room/launch","data":{{"phase":"open"}}}}\n\n'
    ),
}
"""Where something else is answered than elsewhere by the same type."""


def _within(one: Any) -> Iterator[msgspec.Struct]:
    """The structs that it consists of, itself first."""
    if isinstance(one, msgspec.Struct):
        yield one
        yield from chain.from_iterable(_within(getattr(one, name)) for name in one.__struct_fields__)
    elif isinstance(one, (tuple, dict)):
        yield from chain.from_iterable(map(_within, one.values() if isinstance(one, dict) else one))


_ASKED: Final = frozenset(map(type, chain.from_iterable(map(_within, ASKED)))) - frozenset(map(type, TOLD))
_STRUCTS: Final[dict[type, Any]] = {
    type(one): one for one in reversed([*chain.from_iterable(map(_within, (*TOLD, *ASKED, *_OTHERS.values())))])
}


def example_of(annotation: Any, route: str = "") -> Any:
    """As JSON has it, of a type, or of what a route answers by it; `None`, where there is none."""
    found = _BY_ROUTE.get(route) or _OTHERS.get(annotation) or _STRUCTS.get(annotation)
    if found is None and getattr(annotation, "__origin__", None) is tuple:
        found = [_STRUCTS.get(annotation.__args__[0])]
    return _plain(found, whole=annotation not in _ASKED)


def _plain(one: Any, *, whole: bool) -> Any:
    if isinstance(one, msgspec.Struct):
        return {
            field.encode_name: _plain(value, whole=whole)
            for field in msgspec.structs.fields(one)
            for value in (getattr(one, field.name),)
            if whole or field.required or value != _default(field)
        }
    if isinstance(one, dict):
        return {name: _plain(value, whole=whole) for name, value in one.items()}
    return [_plain(value, whole=whole) for value in one] if isinstance(one, (tuple, list)) else one


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
