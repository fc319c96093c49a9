"""What operators and owners do: the catalog, bookings of others, rooms, keys and webhooks.

What is put is said by its fields, as the gateway's documentation names them: `put_resource("studio",
time_zone="Europe/Berlin", capacity=2)`. What is left out has its default.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from tidegate_client.answers import (
    Changed,
    DeadLetters,
    Deliveries,
    Drawn,
    Gone,
    Key,
    Keys,
    Put,
    Replayed,
    RoomStepped,
    SessionBegun,
    TicketOver,
    Webhook,
    WebhookPut,
    WebhookRotated,
    WebhookSwitched,
    WebhookTried,
)
from tidegate_client.asking import Ask, operation, part, said
from tidegate_client.commands import room_of

RoomStep: TypeAlias = Literal["start", "open", "pause", "resume", "drain", "close"]


class Managing:
    @operation
    def begin_session(self) -> Ask[SessionBegun]:
        """For a visitor who says nothing of themselves. `visitor` begins one and acts for it."""
        return Ask("POST", "/sessions", SessionBegun)

    # The catalog

    @operation
    def put_resource(self, /, id: str, *, time_zone: str, **about: Any) -> Ask[Put]:
        """All of it. Fewer units than before are put in two steps, half a minute apart: the first is answered *busy*,
        so give it time (`client.but(within_s=60)`)."""
        return Ask("PUT", f"/resources/{part(id)}", Put, {"time_zone": time_zone, **about})

    @operation
    def retire_resource(self, id: str) -> Ask[Put]:
        """In two steps, as for fewer units."""
        return Ask("DELETE", f"/resources/{part(id)}", Put)

    @operation
    def put_schedule(self, /, id: str, *, time_zone: str, **about: Any) -> Ask[Put]:
        """All of it. The `holidays` of one that was read follow from its `region`, and are not sent."""
        about.pop("holidays", None)
        return Ask("PUT", f"/schedules/{part(id)}", Put, {"time_zone": time_zone, **about})

    @operation
    def remove_schedule(self, id: str) -> Ask[Put]:
        return Ask("DELETE", f"/schedules/{part(id)}", Put)

    @operation
    def put_event_type(self, /, slug: str, **about: Any) -> Ask[Put]:
        """All of it, and with `resources` what it can book."""
        return Ask("PUT", f"/event-types/{part(slug)}", Put, about)

    @operation
    def remove_event_type(self, slug: str) -> Ask[Put]:
        return Ask("DELETE", f"/event-types/{part(slug)}", Put)

    # Bookings of others

    @operation
    def decline(self, booking: str, *, reason: str = "") -> Ask[Changed]:
        return Ask("POST", f"/bookings/{part(booking)}/decline", Changed, {"reason": reason})

    @operation
    def complete(self, booking: str) -> Ask[Changed]:
        return Ask("POST", f"/bookings/{part(booking)}/complete", Changed)

    @operation
    def no_show(self, booking: str) -> Ask[Changed]:
        return Ask("POST", f"/bookings/{part(booking)}/no-show", Changed)

    # Rooms

    @operation
    def put_room(self, /, room: str, **settings: Any) -> Ask[RoomStepped]:
        """All of its settings, at any time."""
        return Ask("PUT", f"/rooms/{part(room)}", RoomStepped, settings)

    @operation
    def step_room(self, room: str, step: RoomStep) -> Ask[RoomStepped]:
        return Ask("POST", f"/rooms/{part(room)}/{step}", RoomStepped)

    @operation
    def draw(self, room: str, secret: str, *, beacon: str = "") -> Ask[Drawn]:
        """Tell the secret, and shuffle those who joined the pre-queue."""
        return Ask("POST", f"/rooms/{part(room)}/draw", Drawn, {"secret": secret, "beacon": beacon})

    @operation
    def revoke_ticket(self, ticket: str) -> Ask[TicketOver]:
        """Send somebody away: out of the line, or out of the room."""
        return Ask("POST", f"/rooms/{part(room_of(ticket))}/tickets/{part(ticket)}/revoke", TicketOver)

    # Keys

    @operation
    def keys(self, *, ended: bool = False, cursor: str = "") -> Ask[Keys]:
        query = {"ended": "true" if ended else "false"} | said(cursor=cursor or None)
        return Ask("GET", "/keys", Keys, query=query)

    @operation
    def issue_key(
        self, role: str, *, name: str = "", scopes: Sequence[str] = (), expires_at: str | None = None,
        id: str | None = None,
    ) -> Ask[Key]:  # fmt: skip
        """`key` is shown this once. Nobody gives away more than they have."""
        body = said(role=role, name=name, scopes=list(scopes), expires_at=expires_at, id=id)
        return Ask("POST", "/keys", Key, body)

    @operation
    def rotate_key(self, id: str, *, overlap_s: int | None = None) -> Ask[Key]:
        """The secret that it had is good for a while longer."""
        return Ask("POST", f"/keys/{part(id)}/rotate", Key, said(overlap_s=overlap_s))

    @operation
    def revoke_key(self, id: str) -> Ask[Gone]:
        return Ask("DELETE", f"/keys/{part(id)}", Gone)

    # Webhooks

    @operation
    def webhooks(self) -> Ask[tuple[Webhook, ...]]:
        return Ask("GET", "/webhooks", tuple[Webhook, ...])

    @operation
    def webhook(self, id: str) -> Ask[Webhook]:
        return Ask("GET", f"/webhooks/{part(id)}", Webhook)

    @operation
    def put_webhook(
        self, id: str, url: str, *, events: Sequence[str] = ("*",), description: str = "", active: bool = True
    ) -> Ask[WebhookPut]:
        """Of a new one, `secret` is shown this once: it is what `verify_webhook` takes."""
        body = {"url": url, "events": list(events), "description": description, "active": active}
        return Ask("PUT", f"/webhooks/{part(id)}", WebhookPut, body)

    @operation
    def remove_webhook(self, id: str) -> Ask[Gone]:
        return Ask("DELETE", f"/webhooks/{part(id)}", Gone)

    @operation
    def rotate_webhook(self, id: str, *, overlap_s: int | None = None) -> Ask[WebhookRotated]:
        """Deliveries are signed with both secrets for a while."""
        return Ask("POST", f"/webhooks/{part(id)}/rotate", WebhookRotated, said(overlap_s=overlap_s))

    @operation
    def enable_webhook(self, id: str, *, afresh: bool = False) -> Ask[WebhookSwitched]:
        """What happened meanwhile is sent first, unless it is to begin `afresh`."""
        return Ask("POST", f"/webhooks/{part(id)}/enable", WebhookSwitched, {"afresh": afresh})

    @operation
    def disable_webhook(self, id: str, *, why: str = "") -> Ask[WebhookSwitched]:
        return Ask("POST", f"/webhooks/{part(id)}/disable", WebhookSwitched, {"why": why})

    @operation
    def try_webhook(self, id: str) -> Ask[WebhookTried]:
        """Have something sent that did not happen."""
        return Ask("POST", f"/webhooks/{part(id)}/test", WebhookTried)

    @operation
    def deliveries(self, id: str) -> Ask[Deliveries]:
        return Ask("GET", f"/webhooks/{part(id)}/deliveries", Deliveries)

    @operation
    def dead_letters(self, id: str) -> Ask[DeadLetters]:
        return Ask("GET", f"/webhooks/{part(id)}/dead", DeadLetters)

    @operation
    def replay(self, id: str, *, deliveries: Sequence[str] = (), everything: bool = False) -> Ask[Replayed]:
        """Which dead letters are to be delivered once more; or everything."""
        body = {"deliveries": list(deliveries), "all": everything}
        return Ask("POST", f"/webhooks/{part(id)}/replay", Replayed, body)
