"""What is asked of others: the requests that webhooks get, as the `webhooks` of the OpenAPI description.

One entry for each event, because what stands in `data` is another thing in each. `gateway.webhooks.happenings` spells
the bodies; a test holds each of these schemas to what is spelled there. Every field is always there; whoever reads
leaves be what they do not know, since fields may be added. `docs/webhooks.md` says the rest.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, get_args

from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    PathItem,
    Reference,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from actors.webhooks.limits import ID_CHARACTERS_MAX
from events.room import Phase
from events.webhooks import TEST
from gateway.webhooks.limits import TICKETS_PER_BODY_MAX, TIMEOUT_MS, TRIED_FOR_MS

_START: Final = "2026-12-12T10:00:00.000Z"
_SOON: Final = "2026-11-22T15:23:27.265Z"
_LATER: Final = "2026-11-22T16:23:27.265Z"


class _Told(NamedTuple):
    """`about` is whom it is about: what is told of one of these is told in order."""

    when: str
    about: Schema
    data: dict[str, Schema]


def _text(example: str, description: str | None = None, **more: Any) -> Schema:
    return Schema(type=OpenAPIType.STRING, description=description, examples=[example], **more)


def _number(example: int, description: str | None = None) -> Schema:
    return Schema(type=OpenAPIType.INTEGER, description=description, examples=[example])


def _flag(description: str, *, example: bool) -> Schema:
    return Schema(type=OpenAPIType.BOOLEAN, description=description, examples=[example])


def _instant(example: str, description: str | None = None) -> Schema:
    return _text(example, description, format=OpenAPIFormat.DATE_TIME)


def _instant_or_none(description: str) -> Schema:
    types = [OpenAPIType.STRING, OpenAPIType.NULL]
    return Schema(type=types, format=OpenAPIFormat.DATE_TIME, description=description, examples=[_SOON])


def _entity(example: str) -> Schema:
    return _text(example, "Whom it is about: what has the same comes in order.")


def _object(title: str, properties: dict[str, Schema]) -> Schema:
    return Schema(title=title, type=OpenAPIType.OBJECT, properties=dict(properties), required=list(properties))


def _list(items: Schema, **more: Any) -> Schema:
    return Schema(type=OpenAPIType.ARRAY, items=items, **more)


def _map(values: Schema, example: dict[str, Any], description: str) -> Schema:
    return Schema(
        type=OpenAPIType.OBJECT, additional_properties=values, examples=[example], description=description
    )  # fmt: skip


def _example(schema: Schema) -> Any:
    """The first that stands at each part of it."""
    if schema.const is not None:
        return schema.const
    if schema.examples:
        return schema.examples[0]
    if isinstance(schema.items, Schema):
        return [_example(schema.items)]
    return {name: _example(one) for name, one in (schema.properties or {}).items() if isinstance(one, Schema)}


# What bodies are made of

_BOOKING_ID: Final = "studio-south.2026-12-12.b-upfq2dbna67a2acl"
_STANDBY_ID: Final = "studio-south.2026-12-12.y-x2xyachx6kn5kxjh"
_OF_BOOKING: Final = _entity(f"booking/{_BOOKING_ID}")
_OF_STANDBY: Final = _entity(f"standby/{_STANDBY_ID}")
_OF_ROOM: Final = _entity("room/launch")
_OF_TICKET: Final = _entity("ticket/launch.0.7")

_BOOKING: Final = {"booking": _text(_BOOKING_ID, "Its id, as `/v1/{org}/bookings/{booking}` takes it.")}
_STANDBY: Final = {"standby": _text(_STANDBY_ID, "Its id, as `/v1/{org}/standby/{standby}` takes it.")}
_ROOM: Final = {"room": _text("launch")}
_TICKET: Final = {"ticket": _text("launch.0.7", "Its id, as `/v1/{org}/rooms/{room}/tickets/{ticket}` takes it.")}
_LANE: Final = {"lane": _text("", "The ordinary one has no name.")}
_BOOKER: Final = {
    "booker": _object("Booker", {"name": _text("Ann Lee"), "email": _text("ann@example.org"), "phone": _text("")})
}
_WISH: Final = {
    "event_type": _text("session"),
    "start": _instant(_START),
    "minutes": _number(60),
    "items": _list(_object("Item", {"resource": _text("studio-south"), "units": _number(1)})),
}
_REASON: Final = {"reason": _text("", "What whoever did it said of it, perhaps nothing.")}
_PENDING_UNTIL: Final = {"until": _instant_or_none("When it lapses if nobody decides; null for never.")}


def _tickets(**fields: Schema) -> dict[str, Schema]:
    """Several of a room: those to which the same happened at once."""
    return {**_ROOM, "tickets": _list(_object("Ticket", {**_TICKET, **fields}), max_items=TICKETS_PER_BODY_MAX)}


_TELLS: Final[dict[str, _Told]] = {
    "booking.created": _Told(
        "A booking was made, by hand or out of a hold. All of it is told.",
        _OF_BOOKING,
        {
            **_BOOKING,
            "status": _text("provisional", enum=["provisional", "pending", "confirmed"]),
            **_WISH, **_BOOKER,
            "answers": _map(Schema(type=OpenAPIType.STRING), {}, "To the questions of its event type."),
            "until": _instant_or_none("When it lapses if nothing comes of it; null for never."),
        },
    ),
    "booking.pending": _Told(
        "Somebody has to approve it. Also told, behind `booking.created`, where that was so at once.",
        _OF_BOOKING, {**_BOOKING, **_PENDING_UNTIL},
    ),
    "booking.confirmed": _Told("It stands. Also told, behind `booking.created`, where that was so at once.",
        _OF_BOOKING, {**_BOOKING}),
    "booking.declined": _Told("Whoever had to approve did not.", _OF_BOOKING, {**_BOOKING, **_REASON}),
    "booking.cancelled": _Told("It was called off, by the booker or by you.", _OF_BOOKING, {**_BOOKING, **_REASON}),
    "booking.rescheduled": _Told(
        "It was moved; this is how it is now.", _OF_BOOKING,
        {**_BOOKING, **_WISH, "version": _number(1, "How often it was moved.")},
    ),
    "booking.completed": _Told("It is over, by the clock or because somebody said so.", _OF_BOOKING, {**_BOOKING}),
    "booking.no_show": _Told("Nobody showed up.", _OF_BOOKING, {**_BOOKING}),
    "booking.lapsed": _Told("Nobody confirmed or approved it in time.", _OF_BOOKING, {**_BOOKING}),
    "booking.reminder": _Told(
        "It begins soon: as long before as its event type says, once for each of the times that it names.",
        _OF_BOOKING, {**_BOOKING, "minutes": _number(1_440, "How long before its start.")},
    ),
    "standby.joined": _Told("Somebody stands in line for what is full.", _OF_STANDBY, {**_STANDBY, **_WISH, **_BOOKER}),
    "standby.offered": _Told("Something became free, and is held for them.", _OF_STANDBY,
        {**_STANDBY, "until": _instant(_SOON, "When the offer ends.")}),
    "standby.taken": _Told("They took it: there is a booking now.", _OF_STANDBY, {**_STANDBY, **_BOOKING}),
    "standby.lapsed": _Told("They did not take it in time, and are in line no more.", _OF_STANDBY, {**_STANDBY}),
    "standby.left": _Told("They are in line no more, by their own wish or because it cannot be booked any more.",
        _OF_STANDBY, {**_STANDBY}),
    "room.put": _Told(
        "A waiting room was made, or its settings were changed.", _OF_ROOM,
        {
            **_ROOM,
            "title": _text("The launch"), "announcement": _text(""),
            "capacity": _number(200, "How many may be in at a time; 0 for as many as come."),
            "per_minute": _number(60, "How many are admitted in a minute; 0 for as many as come."),
        },
    ),
    "room.phase": _Told("It entered another phase.", _OF_ROOM,
        {**_ROOM, "phase": _text("open", enum=list(get_args(Phase)))}),
    "room.drawn": _Told(
        "The draw was made: those who came before the opening have places.", _OF_ROOM,
        {
            **_ROOM,
            "seed": _text("f6742648fb6c922438bd27427e710e24f7c43fd25a2704a9065bfe8f8fa19f76"),
            "counts": _map(Schema(type=OpenAPIType.INTEGER), {"": 8}, "By lane, how many were shuffled."),
        },
    ),
    "ticket.called": _Told("It is their turn.", _OF_ROOM,
        _tickets(**_LANE, until=_instant(_SOON, "How long the call may be answered."))),
    "ticket.claimed": _Told("They are in.", _OF_ROOM, _tickets(
        until=_instant(_SOON, "When their seat is free again, unless they are active."),
        until_max=_instant(_LATER, "When it is free again, however active they are."))),
    "ticket.missed": _Told("They did not answer the call in time.", _OF_ROOM,
        _tickets(again=_flag("Whether they are called once more; else the ticket is over.", example=True))),
    "ticket.exited": _Told("They went, or were sent away; the seat is free.", _OF_ROOM,
        _tickets(revoked=_flag("Whether they were sent away.", example=False))),
    "ticket.expired": _Told("Their time in there is over; the seat is free.", _OF_ROOM, _tickets()),
    "turn.near": _Told("Somebody who left an address is among the next. Once for each ticket.", _OF_TICKET,
        {**_ROOM, **_TICKET, **_LANE}),
    "turn.now": _Told(
        "Somebody who left an address is called. Also told, with all others, in `ticket.called`.", _OF_TICKET,
        {**_ROOM, **_TICKET, **_LANE, "until": _instant(_SOON, "How long the call may be answered.")},
    ),
    TEST: _Told("Nothing happened: somebody tries the endpoint out. Sent once, whatever it is told otherwise.",
        _entity("webhook/shop"), {"endpoint": _text("shop")}),
}  # fmt: skip

# What each of them is

_HEADERS: Final[list[Parameter | Reference]] = [
    Parameter(
        "Webhook-Id", "header", required=True,
        description="The `id` of the body, the same at every attempt: drop what you have had.",
        schema=_text("98-1", max_length=ID_CHARACTERS_MAX),
    ),
    Parameter(
        "Webhook-Timestamp", "header", required=True,
        description="When this attempt was made, in Unix seconds: refuse what is older than five minutes.",
        schema=_text("1795360877", pattern="^[0-9]+$"),
    ),
    Parameter(
        "Webhook-Signature", "header", required=True,
        description=(
            "HMAC-SHA256 of `<Webhook-Id>.<Webhook-Timestamp>.<body>`, in base64 behind `v1,`: one for each of the "
            "endpoint's secrets that is good, with a space between them (Standard Webhooks)."
        ),
        schema=_text(
            "v1,fU12zn4nCvNp1L2uzjNM+OjV+Ngeh6xckd1J9gJlAAg=",
            pattern="^v1,[A-Za-z0-9+/]{43}=( v1,[A-Za-z0-9+/]{43}=)*$",
        ),
    ),
]  # fmt: skip
_ANSWERS: Final = {
    "2XX": OpenAPIResponse(
        description=f"Taken. Say so within {TIMEOUT_MS // 1_000} seconds; nobody reads what else the answer says."
    ),
    "410": OpenAPIResponse(
        description="Gone: nothing more is sent until the webhook is enabled again. (Not to a test.)"
    ),
    "default": OpenAPIResponse(
        description=(
            f"Anything else, a redirect too, and no answer: it is sent again, soon at first, for "
            f"{TRIED_FOR_MS // 3_600_000} hours. (A test is not.)"
        )
    ),
}


def _body(event: str, told: _Told) -> Schema:
    return _object(
        event,
        {
            "id": _text("98-1", "Of what happened, the same at every attempt and for every endpoint."),
            "type": Schema(type=OpenAPIType.STRING, const=event),
            "org": _text("demo"),
            "at": _instant("2026-11-22T15:21:17.015Z", "When it happened."),
            "position": _text("cf8a85388235:98", "Where it stands in the log. Answers and streams have it too."),
            "entity": told.about,
            "data": _object(f"data of {event}", told.data),
        },
    )


def _item(event: str, told: _Told) -> PathItem:
    schema = _body(event, told)
    return PathItem(
        post=Operation(
            tags=["Webhooks"],
            summary=told.when,
            operation_id="Told" + "".join(word.capitalize() for word in event.replace("_", ".").split(".")),
            parameters=_HEADERS,
            request_body=RequestBody(
                {"application/json": OpenAPIMediaType(schema, example=_example(schema))}, required=True
            ),
            responses=dict(_ANSWERS),
            security=[],
        )
    )


TOLD: Final[dict[str, PathItem | Reference]] = {event: _item(event, told) for event, told in _TELLS.items()}
