"""Webhooks: where an organisation's events are sent, how that goes, and what could not be delivered.

An endpoint's secret is told when the endpoint is new and when it is rotated, and never again. It is worked out from the
installation's own (`gateway.webhooks.signing`), so asking again under the same Idempotency-Key tells the same one.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from actors.decider import Command
from actors.webhooks.commands import (
    DisableEndpoint,
    EnableEndpoint,
    ListEndpoints,
    PutEndpoint,
    RemoveEndpoint,
    ReplayDead,
    RotateSecret,
    SendTest,
    ShowDeliveries,
)
from actors.webhooks.limits import (
    DESCRIPTION_CHARACTERS_MAX,
    FILTERS_MAX,
    ID_CHARACTERS_MAX,
    IDS_PER_REPLAY_MAX,
    OVERLAP_S,
    URL_CHARACTERS_MAX,
    WHY_CHARACTERS_MAX,
)
from events.clock import Instant, iso
from events.names import actor_name, is_identifier
from gateway.calls import Call
from gateway.problems import Problem
from gateway.webhooks import signing

SETTLES_MS: Final = 100
"""So soon the host of an endpoint's delivery has usually heard that there is such an endpoint."""
Event: TypeAlias = Annotated[str, Meta(max_length=64, examples=["booking.*"])]
Letter: TypeAlias = Annotated[str, Meta(max_length=ID_CHARACTERS_MAX, examples=["4711-0"])]


class WebhookWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`events` are names, groups of them (`booking.*`), or everything (`*`)."""

    url: Annotated[str, Meta(max_length=URL_CHARACTERS_MAX, examples=["https://shop.example.com/hooks/tidegate"])]
    events: Annotated[tuple[Event, ...], Meta(min_length=1, max_length=FILTERS_MAX)] = ("*",)
    description: Annotated[str, Meta(max_length=DESCRIPTION_CHARACTERS_MAX)] = ""
    active: bool = True
    """Whether anything is sent there."""


class WebhookPut(msgspec.Struct, frozen=True):
    """`secret` is shown this once, when the endpoint is new: by it whoever receives knows that it is us."""

    id: str
    active: bool
    secret: str | None


class WebhookShown(msgspec.Struct, frozen=True):
    """`why` it is not active. `secrets` is how many of its secrets sign at present: several after a rotation."""

    id: str
    url: str
    events: tuple[str, ...]
    description: str
    active: bool
    why: str
    secrets: int


class SecretRotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how long, at most, the secrets before sign as well."""

    overlap_s: int = OVERLAP_S
    """In seconds."""


class SecretTold(msgspec.Struct, frozen=True):
    """`secret` is shown this once. Those before it sign no longer than `old_until`: another rotation, or an earlier
    one, may end them before."""

    id: str
    secret: str
    old_until: str
    """When those before stop signing."""


class Enabling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`afresh`: what happened meanwhile is not sent."""

    afresh: bool = False


class Disabling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For whoever asks why nothing comes."""

    why: Annotated[str, Meta(max_length=WHY_CHARACTERS_MAX)] = ""


class Switched(msgspec.Struct, frozen=True):
    """Whether anything is sent there now."""

    id: str
    active: bool


class WebhookGone(msgspec.Struct, frozen=True):
    """What was taken away."""

    id: str


class Tried(msgspec.Struct, frozen=True):
    """`delivery` is what the trial is called, in its headers and among the deliveries."""

    delivery: str


class DeliveryAttempt(msgspec.Struct, frozen=True):
    """One request. `status` is what was answered, 0 when nothing was; then `why` says it."""

    delivery: str
    event: str
    at: str
    took_ms: int
    status: int
    why: str


class LateDelivery(msgspec.Struct, frozen=True):
    """What was tried and is tried again, or waits for its turn."""

    delivery: str
    attempts: int
    first_at: str | None
    next_at: str | None


class Deliveries(msgspec.Struct, frozen=True):
    """How it goes: the last attempts, the newest first, and what is late, the next first. `failing_since` is when the
    first attempt failed behind which none succeeded. Tests that fail are neither `failed` nor failing."""

    delivered: int
    """How many so far."""
    failed: int
    """How many attempts so far."""
    delivered_at: str | None
    """When the last one was."""
    failing_since: str | None
    attempts: tuple[DeliveryAttempt, ...]
    late_count: int
    """Of which `late` has the first."""
    late: tuple[LateDelivery, ...]


class DeadLetter(msgspec.Struct, frozen=True):
    """What was given up: `why` the last attempt failed."""

    delivery: str
    event: str
    attempts: int
    first_at: str | None
    at: str
    why: str


class DeadLetters(msgspec.Struct, frozen=True):
    """The oldest first. `dropped` are those that there was no room for any more."""

    dead: tuple[DeadLetter, ...]
    dropped: int


class ReplayWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which dead letters are to be delivered once more; or all of them."""

    deliveries: Annotated[tuple[Letter, ...], Meta(max_length=IDS_PER_REPLAY_MAX)] = ()
    """By their names."""
    all: bool = False


class Replayed(msgspec.Struct, frozen=True):
    """`left` are those for which there was no room: ask again later."""

    replayed: int
    left: int


# Endpoints


async def put(call: Call, id: str, wanted: WebhookWanted) -> WebhookPut:
    reply = await _ask(call, PutEndpoint(id, wanted.url, wanted.events, wanted.description, wanted.active))
    secret = _secret(call, id, reply["generation"]) if reply["new"] else None
    return WebhookPut(id, reply["active"], secret)


async def listed(call: Call) -> tuple[WebhookShown, ...]:
    """By their ids."""
    reply = (await call.hear(_registry(call), ListEndpoints())).reply
    return tuple(
        WebhookShown(
            one["id"], one["url"], tuple(one["events"]), one["description"], one["active"], one["why"],
            len(one["generations"]),
        )
        for one in reply["endpoints"]
    )  # fmt: skip


async def show(call: Call, id: str) -> WebhookShown:
    found = next((one for one in await listed(call) if one.id == id), None)
    if found is None:
        raise _unknown(id)
    return found


async def remove(call: Call, id: str) -> WebhookGone:
    await _ask(call, RemoveEndpoint(id))
    return WebhookGone(id)


async def rotate(call: Call, id: str, wanted: SecretRotation) -> SecretTold:
    reply = await _ask(call, RotateSecret(id, wanted.overlap_s))
    return SecretTold(id, _secret(call, id, reply["generation"]), iso(reply["until"]))


async def enable(call: Call, id: str, wanted: Enabling) -> Switched:
    return Switched(id, (await _ask(call, EnableEndpoint(id, wanted.afresh)))["active"])


async def disable(call: Call, id: str, wanted: Disabling) -> Switched:
    return Switched(id, (await _ask(call, DisableEndpoint(id, wanted.why)))["active"])


# Deliveries


async def test(call: Call, id: str) -> Tried:
    """Have something sent that did not happen."""
    return Tried((await _of_delivery(call, id, SendTest()))["id"])


async def deliveries(call: Call, id: str) -> Deliveries:
    told = await _of_delivery(call, id, ShowDeliveries())
    return Deliveries(
        told["delivered"],
        told["failed"],
        _when(told["delivered_at"]),
        _when(told["failing_since"]),
        tuple(
            DeliveryAttempt(one["id"], one["event"], iso(one["at"]), one["took_ms"], one["status"], one["why"])
            for one in reversed(told["attempts"])
        ),
        told["late_count"],
        tuple(
            LateDelivery(one["id"], one["attempts"], _when(one["first_at"]), _when(one["next_at"]))
            for one in told["late"]
        ),
    )


async def dead(call: Call, id: str) -> DeadLetters:
    told = await _of_delivery(call, id, ShowDeliveries())
    letters = (
        DeadLetter(one["id"], one["event"], one["attempts"], _when(one["first_at"]), iso(one["at"]), one["why"])
        for one in told["dead"]
    )
    return DeadLetters(tuple(letters), told["dropped"])


async def replay(call: Call, id: str, wanted: ReplayWanted) -> Replayed:
    reply = await _of_delivery(call, id, ReplayDead(wanted.deliveries, wanted.all))
    return Replayed(reply["replayed"], reply["left"])


async def _ask(call: Call, command: Command) -> Any:
    call.caller.needs("webhooks.manage")
    return (await call.ask(_registry(call), command)).reply


async def _of_delivery(call: Call, id: str, command: Command) -> Any:
    """One endpoint's delivery goes by what its host has heard of the endpoints, which may be a moment ago."""
    call.caller.needs("webhooks.manage")
    if not is_identifier(id):
        raise _unknown(id)
    actor = actor_name(call.org, "webhook", id)
    try:
        if isinstance(command, ShowDeliveries):
            return (await call.hear(actor, command)).reply
        return (await call.ask(actor, command)).reply
    except Problem as problem:
        if problem.code != "unknown_endpoint":
            raise
    await show(call, id)
    raise Problem("not_settled", "the endpoint is being set up", "busy", retry_after_ms=SETTLES_MS)


def _registry(call: Call) -> str:
    return actor_name(call.org, "webhooks")


def _secret(call: Call, id: str, generation: int) -> str:
    return signing.shown(signing.key_of(call.edge.secret, call.org, id, generation))


def _unknown(id: str) -> Problem:
    return Problem("unknown_endpoint", f"there is no endpoint {id[:64]!r}")


def _when(at: Instant) -> str | None:
    return iso(at) if at else None
