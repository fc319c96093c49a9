"""The endpoints of an organisation: `<org>.webhooks`.

Secrets are not here. What is recorded is the number of a secret's generation, and until when those before it sign too;
whoever has the installation's own secret works out the rest. A number is never given twice within an organisation, so
that an endpoint which is put again under an old name has a secret that nobody has seen.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

from actors.decider import Decider, Decision, Refusal
from actors.webhooks.checks import check_description, check_events, check_id, check_url, check_why
from actors.webhooks.commands import (
    DisableEndpoint,
    EnableEndpoint,
    ListEndpoints,
    PutEndpoint,
    RemoveEndpoint,
    RotateSecret,
)
from actors.webhooks.limits import ENDPOINTS_MAX, OVERLAP_S_MAX, SECRETS_LIVING_MAX
from events.clock import Instant
from events.webhooks import (
    WEBHOOKS_FACTS,
    EndpointDisabled,
    EndpointEnabled,
    EndpointPut,
    EndpointRemoved,
    SecretRotated,
    WebhooksFact,
)

WebhooksCommand: TypeAlias = (
    PutEndpoint | RemoveEndpoint | RotateSecret | EnableEndpoint | DisableEndpoint | ListEndpoints
)
Answer: TypeAlias = Decision[WebhooksFact] | Refusal

BY_HAND: Final = "by hand"
"""Why an endpoint is not active, when nobody gave a reason."""


class Older(msgspec.Struct, frozen=True, array_like=True):
    """A generation that signs too, through `until`."""

    generation: int
    until: Instant


class Endpoint(msgspec.Struct, frozen=True):
    url: str
    events: tuple[str, ...]
    description: str
    active: bool
    generation: int
    """Of the newest secret."""
    older: tuple[Older, ...] = ()
    why: str = ""
    """Why it is not active."""
    version: int = 1
    """How often it was put, enabled and disabled."""

    def generations(self, at: Instant) -> tuple[int, ...]:
        """Those that sign at this instant, the newest first."""
        return (self.generation, *(one.generation for one in self.older if one.until >= at))


class Webhooks(msgspec.Struct):
    endpoints: dict[str, Endpoint] = {}
    generations: int = 0
    """How many secrets there have ever been."""


def decide(webhooks: Webhooks, command: WebhooksCommand, at: Instant, _policy: None) -> Answer:
    match command:
        case PutEndpoint():
            return _put(webhooks, command)
        case ListEndpoints():
            listed = [shown(id, webhooks.endpoints[id], at) for id in sorted(webhooks.endpoints)]
            return Decision(reply={"endpoints": listed})
    id, endpoint = command.id, webhooks.endpoints.get(command.id)
    if endpoint is None:
        return unknown(id)
    match command:
        case RemoveEndpoint():
            return Decision((EndpointRemoved(id),), {"id": id})
        case RotateSecret(_, overlap_s):
            return _rotate(webhooks, id, endpoint, overlap_s, at)
        case EnableEndpoint(_, afresh):
            if endpoint.active and not afresh:
                return Decision(reply={"id": id, "active": True})
            return Decision((EndpointEnabled(id, afresh),), {"id": id, "active": True})
        case DisableEndpoint(_, why, version):
            if refusal := check_why(why):
                return refusal
            if not endpoint.active or version not in (0, endpoint.version):
                return Decision(reply={"id": id, "active": endpoint.active})
            return Decision((EndpointDisabled(id, why or BY_HAND),), {"id": id, "active": False})


def _put(webhooks: Webhooks, command: PutEndpoint) -> Answer:
    refusal = (
        check_id(command.id)
        or check_url(command.url)
        or check_events(command.events)
        or check_description(command.description)
    )
    if refusal:
        return refusal
    id, known = command.id, webhooks.endpoints.get(command.id)
    if known is None and len(webhooks.endpoints) >= ENDPOINTS_MAX:
        return Refusal("too_many_endpoints", f"an organisation has at most {ENDPOINTS_MAX} endpoints")
    generation = known.generation if known else webhooks.generations + 1
    fact = EndpointPut(id, command.url, command.events, command.description, command.active, generation)
    reply = {"id": id, "generation": generation, "active": command.active, "new": known is None}
    said = (command.url, command.events, command.description, command.active)
    if known is not None and said == (known.url, known.events, known.description, known.active):
        return Decision(reply=reply)
    return Decision((fact,), reply)


def _rotate(webhooks: Webhooks, id: str, endpoint: Endpoint, overlap_s: int, at: Instant) -> Answer:
    if not 0 <= overlap_s <= OVERLAP_S_MAX:
        return Refusal("bad_overlap", f"an overlap is between 0 and {OVERLAP_S_MAX} seconds, not {overlap_s}")
    if overlap_s and len(endpoint.generations(at)) >= SECRETS_LIVING_MAX:
        detail = f"{SECRETS_LIVING_MAX} secrets of {id!r} sign already: rotate with no overlap, or wait"
        return Refusal("too_many_secrets", detail)
    generation, until = webhooks.generations + 1, at + overlap_s * 1_000 if overlap_s else at - 1
    return Decision((SecretRotated(id, generation, until),), {"id": id, "generation": generation, "until": until})


def shown(id: str, endpoint: Endpoint, at: Instant) -> dict[str, Any]:
    """As whoever looks after it is told."""
    return {
        "id": id,
        "url": endpoint.url,
        "events": endpoint.events,
        "description": endpoint.description,
        "active": endpoint.active,
        "why": endpoint.why,
        "generations": endpoint.generations(at),
    }


def unknown(id: str) -> Refusal:
    return Refusal("unknown_endpoint", f"there is no endpoint {id[:64]!r}")


def evolve(webhooks: Webhooks, fact: WebhooksFact, at: Instant) -> Webhooks:
    endpoints = webhooks.endpoints
    match fact:
        case EndpointPut(id, url, events, description, active, generation):
            known = endpoints.get(id)
            older, version = (known.older, known.version + 1) if known else ((), 1)
            why = "" if active else BY_HAND
            endpoints[id] = Endpoint(url, events, description, active, generation, older, why, version)
            webhooks.generations = max(webhooks.generations, generation)
        case EndpointRemoved(id):
            del endpoints[id]
        case SecretRotated(id, generation, until):
            before = endpoints[id]
            living = [Older(one.generation, min(one.until, until)) for one in before.older if one.until >= at]
            older = tuple(one for one in (Older(before.generation, until), *living) if one.until >= at)
            endpoints[id] = msgspec.structs.replace(before, generation=generation, older=older)
            webhooks.generations = generation
        case EndpointDisabled(id, why):
            version = endpoints[id].version + 1
            endpoints[id] = msgspec.structs.replace(endpoints[id], active=False, why=why, version=version)
        case EndpointEnabled(id):
            version = endpoints[id].version + 1
            endpoints[id] = msgspec.structs.replace(endpoints[id], active=True, why="", version=version)
    return webhooks


WEBHOOKS: Final[Decider[Webhooks, WebhooksCommand, WebhooksFact, None]] = Decider(
    kind="webhooks",
    commands=(PutEndpoint, RemoveEndpoint, RotateSecret, EnableEndpoint, DisableEndpoint, ListEndpoints),
    facts=WEBHOOKS_FACTS,
    state=Webhooks,
    initial=lambda _actor: Webhooks(),
    decide=decide,
    evolve=evolve,
    policy=None,
)
