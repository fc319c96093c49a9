"""The register: the callers whom organisations have named, by their API keys and by the issuers that they trust.

It is a copy of what the organisation's `access` actor decided, as the read models have it: asked for anew when a delta
says that it has changed, and every two seconds in any case. So a key that was revoked is refused at once where that is
heard of, and within two seconds everywhere.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Protocol

from events.bus import Bus, Message, Subscription
from events.clock import Clock
from events.errors import BusError
from events.identity import ApiKeyParts, api_key_of
from events.permissions import permitted
from gateway.at_hand import AtHand
from gateway.identity.callers import Caller, unauthenticated
from gateway.identity.issuers import Person
from gateway.limits import ACCESS_FRESH_S, CATALOGS_MAX, WITHIN_MS
from gateway.problems import Problem, unanswered
from projections import answering
from projections.publishing import subject_of
from projections.questions import AccessAnswer, AccessOf, Unanswered

USER_DIGITS: Final = 24


class Tokens(Protocol):
    """Knows the tokens of issuers elsewhere."""

    async def person(self, token: str, access: AccessAnswer) -> Person:
        """Whom the token is about, and what that makes of them; or a `Problem`."""
        ...


class AccessRegister:
    def __init__(self, bus: Bus, clock: Clock, tokens: Tokens) -> None:
        self._bus: Final = bus
        self._clock: Final = clock
        self._tokens: Final = tokens
        self._kept: Final[AtHand[str, AccessAnswer]] = AtHand(CATALOGS_MAX, ACCESS_FRESH_S)

    async def start(self) -> Subscription:
        return await self._bus.subscribe(subject_of("*", "access"), self._hear)

    async def caller(self, org: str, bearer: str) -> Caller:
        key = api_key_of(bearer)
        if key is not None:
            return await self._by_key(org, key)
        if bearer.count(".") != 2:
            raise unauthenticated("this is neither an API key, nor a session, nor a JSON Web Token", "bad_token")
        issuer, subject, role = await self._tokens.person(bearer, await self._access(org))
        user = sha256(f"{issuer}|{subject}".encode()).hexdigest()[:USER_DIGITS]
        return Caller(org, role, f"user:{issuer}.{user}", permitted(role))

    async def _by_key(self, org: str, shown: ApiKeyParts) -> Caller:
        if shown.org != org:
            raise Problem("foreign_organisation", "the key is one of another organisation")
        key = next((key for key in (await self._access(org)).keys if key.id == shown.id), None)
        if key is None or not key.opened_by(shown.hash, self._clock()):
            raise unauthenticated("there is no such key, or it is not good any more", "bad_token")
        return Caller(org, key.role, f"key:{key.id}", permitted(key.role, key.scopes))

    async def _access(self, org: str) -> AccessAnswer:
        async def ask() -> tuple[AccessAnswer, int]:
            try:
                found: tuple[AccessAnswer, int] = await answering.ask_at(self._bus, AccessOf(org=org), WITHIN_MS)
            except Unanswered as error:
                raise unanswered(error) from error
            except BusError as error:
                raise Problem("not_answered", "whose key that is cannot be told at the moment", "busy") from error
            return found

        return (await self._kept.get(org, 0, ask))[0]

    def _hear(self, message: Message) -> None:
        self._kept.forget(message.subject.split(".")[1])
