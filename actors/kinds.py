"""The kinds of actors that exist. A new domain is made known to hosts, tools and verifiers by one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from actors.access import ACCESS
from actors.booking.day import DAY
from actors.booking.quota import QUOTA
from actors.catalog import CATALOG
from actors.decider import AnyDecider
from actors.waiting.line import LINE
from actors.waiting.room import ROOM_KIND
from actors.webhooks.delivery import WEBHOOK
from actors.webhooks.registry import WEBHOOKS

KINDS: Final[Mapping[str, AnyDecider]] = {
    decider.kind: decider for decider in (CATALOG, DAY, QUOTA, LINE, ROOM_KIND, ACCESS, WEBHOOKS, WEBHOOK)
}
