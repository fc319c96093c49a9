"""The JavaScript client's types say what the gateway says: whoever adds something on one side hears of the other."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, Final, get_args

import msgspec
import pytest
from msgspec.structs import FieldInfo

import projections
from events.day import Status
from events.room import Phase
from gateway.operations import (
    access,
    bookings,
    holds,
    offerings,
    passing,
    rooms,
    sessions,
    slots,
    standby,
    tickets,
    wishes,
)
from gateway.operations import webhooks as hooks
from gateway.streams import hub, messages
from gateway.streams.messages import AnySaid, ToldKind
from projections import months, room_topics, topics
from projections.folding import Delta
from projections.questions import Row
from projections.standing import TicketState
from tests.clients.vectors import FOLDER

WIRE: Final = (FOLDER.parent / "js" / "src" / "wire.d.ts").read_text("utf-8")
NOT_FOLLOWED: Final = frozenset({"access", "catalog"})
"""What read models tell gateways, and no topic of a client is told by."""
OF_THE_GATEWAY: Final = frozenset({"status"})

_UNION: Final = re.compile(
    r"^export type (\w+) =\s*\|?((?:\s*\|?\s*(?:\w+|\"\w+\"|\(string & \{\})\)?)+);", re.MULTILINE
)
_INTERFACE: Final = re.compile(r"^export interface (\w+)(?: extends (\w+))? \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD: Final = re.compile(r"^  (\w+)(\??): (.*);$", re.MULTILINE)
_TABLE: Final = re.compile(r"^    (\w+) ", re.MULTILINE)


def unions() -> dict[str, list[str]]:
    """Types that are one of several names, without their quotes."""
    return {found[1]: re.findall(r"\w+", found[2].replace("(string & {})", "")) for found in _UNION.finditer(WIRE)}


def interfaces() -> dict[str, dict[str, tuple[bool, str]]]:
    """Of each: its fields, whether they may be left out, and what is said of them."""
    found: dict[str, dict[str, tuple[bool, str]]] = {}
    for one in _INTERFACE.finditer(WIRE):
        own = {field[1]: (bool(field[2]), field[3]) for field in _FIELD.finditer(one[3])}
        found[one[1]] = (found[one[2]] if one[2] else {}) | own
    return found


def deltas() -> Iterator[type[Delta]]:
    for module in pkgutil.walk_packages(projections.__path__, "projections."):
        importlib.import_module(module.name)
    return iter(Delta.__subclasses__())


def tag(kind: type[msgspec.Struct]) -> Any:
    return kind.__struct_config__.tag


UNIONS, INTERFACES = unions(), interfaces()


def test_a_client_says_what_is_understood() -> None:
    """Each kind of message, and no other."""
    assert UNIONS["SaidKind"] == [tag(kind) for kind in get_args(AnySaid)]


def test_a_client_knows_all_that_it_is_told() -> None:
    """Each kind of message; and what is written of them in words names the same."""
    assert UNIONS["ToldKind"] == list(get_args(ToldKind))
    said, told = str(messages.__doc__).split("From us:")
    assert _TABLE.findall(said.partition("From the client:")[2]) == UNIONS["SaidKind"]
    assert _TABLE.findall(told) == UNIONS["ToldKind"]


def test_a_client_knows_every_delta() -> None:
    """Those of the read models that can be followed, and the gateway's own."""
    known = {INTERFACES[name]["delta"][1].strip('"') for name in UNIONS["Delta"]}
    assert known == {tag(kind) for kind in deltas()} - NOT_FOLLOWED | OF_THE_GATEWAY
    assert len(known) == len(UNIONS["Delta"])


def test_a_delta_has_the_fields_that_it_is_told_with() -> None:
    """What may be left out is what is not told when it is as before."""
    for kind in deltas():
        if tag(kind) in NOT_FOLLOWED:
            continue
        omits = kind.__struct_config__.omit_defaults
        told = {one.encode_name: omits and not one.required for one in msgspec.structs.fields(kind)}
        typed = {name: optional for name, (optional, _) in INTERFACES[kind.__name__].items() if name != "delta"}
        assert typed == told, kind


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("Phase", get_args(Phase)),
        ("TicketStanding", get_args(TicketState)),
        ("BookingStatus", get_args(Status)),
        ("RoomStep", rooms.STEPS),
    ],
)
def test_what_is_one_of_several_is_one_of_the_same(name: str, names: tuple[str, ...]) -> None:
    """None is missing and none is made up."""
    assert set(UNIONS[name]) == set(names)


def test_the_status_is_one_of_the_gateways() -> None:
    """Which no read model tells."""
    assert re.findall(r"\w+", INTERFACES["StatusState"]["state"][1]) == list(get_args(hub.State))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("DayState", topics.DayShown),
        ("HoldsState", topics.HoldsShown),
        ("MonthState", months.MonthShown),
        ("RoomAbout", room_topics.About),
        ("RoomLane", room_topics.LaneShown),
        ("RoomState", room_topics.RoomShown),
        ("BlockState", room_topics.BlockShown),
        ("TicketState", room_topics.TicketShown),
        ("DayBusy", months.DayBusy),
        ("LaneNow", room_topics.LaneNow),
        ("SessionBegun", sessions.SessionBegun),
        ("Schedule", offerings.ScheduleShown),
        ("EventType", offerings.EventTypeShown),
        ("Slot", slots.SlotShown),
        ("HoldPlaced", holds.HoldPlaced),
        ("HoldKept", holds.HoldKept),
        ("Booked", bookings.Booked),
        ("Changed", bookings.Changed),
        ("Booking", bookings.BookingShown),
        ("BookingsPage", bookings.Page),
        ("Eta", tickets.Eta),
        ("Room", rooms.RoomShown),
        ("Ticket", tickets.TicketShown),
        ("Joined", tickets.Joined),
        ("Seat", tickets.Seat),
        ("Alive", tickets.Alive),
        ("PassGood", passing.PassGood),
        ("KeyShown", access.KeyShown),
        ("KeyTold", access.KeyTold),
        ("WebhookShown", hooks.WebhookShown),
    ],
)
def test_an_answer_has_its_fields(name: str, kind: type[msgspec.Struct]) -> None:
    """Always all of them."""
    assert {field: optional for field, (optional, _) in INTERFACES[name].items()} == {
        field.encode_name: False for field in msgspec.structs.fields(kind)
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Wanted", wishes.Wanted),
        ("BookWanted", bookings.BookWanted),
        ("Managed", bookings.Managed),
        ("Explained", bookings.Explained),
        ("MoveWanted", bookings.MoveWanted),
        ("Booker", bookings.For),
        ("StandbyWanted", standby.StandbyWanted),
        ("JoinWanted", tickets.JoinWanted),
        ("KeyWanted", access.KeyWanted),
        ("WebhookWanted", hooks.WebhookWanted),
    ],
)
def test_what_is_asked_for_has_its_fields(name: str, kind: type[msgspec.Struct]) -> None:
    """And whoever leaves out what has to be said is told so by their editor."""
    fields: tuple[FieldInfo, ...] = msgspec.structs.fields(kind)
    assert {field: optional for field, (optional, _) in INTERFACES[name].items()} == {
        field.encode_name: not field.required for field in fields
    }


def test_a_row_of_a_booking_has_what_is_named_of_it() -> None:
    """It has more, which is said in no type."""
    assert set(INTERFACES["BookingRow"]) <= {field.encode_name for field in msgspec.structs.fields(Row)}
