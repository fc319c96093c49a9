"""Which endpoints there are: `<org>.webhooks` of every organisation, folded from the log.

The log is asked rather than the actor, because it also says *where* an endpoint was put: from there on things are told
to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
import structlog

from actors.webhooks.registry import Endpoint, Webhooks, evolve
from events.errors import ChainBroken
from events.limits import LOOKUP_ACTORS_MAX
from events.log import EventLog, Recorded
from events.names import actor_name
from events.webhooks import WEBHOOKS_FACTS, EndpointEnabled, EndpointPut

log = structlog.get_logger(__name__)


class Known(NamedTuple):
    """An endpoint; `born` is the sequence at which it was put, `began` the one behind which things are told to it."""

    endpoint: Endpoint
    born: int
    began: int


class _OfOrg:
    def __init__(self) -> None:
        self.sequence = 0
        self.broken = False
        """Something of it cannot be read: it stays as it was before."""
        self.state = Webhooks()
        self.born: Final[dict[str, int]] = {}
        self.began: Final[dict[str, int]] = {}

    def take(self, recorded: Recorded) -> None:
        try:
            commit = WEBHOOKS_FACTS.read(recorded.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ChainBroken(f"the commit at sequence {recorded.sequence} cannot be read: {error}") from error
        for fact in (fact for one in commit.decided for fact in one.facts):
            if isinstance(fact, EndpointPut) and fact.id not in self.state.endpoints:
                self.born[fact.id] = self.began[fact.id] = recorded.sequence
            if isinstance(fact, EndpointEnabled) and fact.afresh:
                self.began[fact.id] = recorded.sequence
            self.state = evolve(self.state, fact, commit.at)
        self.sequence = recorded.sequence


class Directory:
    def __init__(self, log: EventLog) -> None:
        self._log: Final = log
        self._orgs: dict[str, _OfOrg] = {}

    async def look(self, orgs: Iterable[str]) -> None:
        """Take in what has changed at these organisations; the others are forgotten."""
        self._orgs = {org: self._orgs.get(org) or _OfOrg() for org in orgs}
        actors = {actor_name(org, "webhooks"): of for org, of in self._orgs.items()}
        names = list(actors)
        for start in range(0, len(names), LOOKUP_ACTORS_MAX):
            last = await self._log.last_of(names[start : start + LOOKUP_ACTORS_MAX])
            for name, newest in last.items():
                await self._catch_up(actors[name], newest)

    async def _catch_up(self, of: _OfOrg, newest: Recorded) -> None:
        if of.broken or newest.sequence <= of.sequence:
            return
        try:
            async for recorded in self._log.read_actor(newest.actor, after=of.sequence):
                of.take(recorded)
        except ChainBroken as error:  # the other organisations go on
            of.broken = True
            log.error("endpoints_unreadable", actor=newest.actor, detail=str(error))  # noqa: TRY400  # no bug of ours

    @property
    def active(self) -> dict[tuple[str, str], Known]:
        """By organisation and id, those to which something is to be delivered."""
        return {
            (org, id): Known(endpoint, of.born[id], of.began[id])
            for org, of in self._orgs.items()
            for id, endpoint in of.state.endpoints.items()
            if endpoint.active
        }
