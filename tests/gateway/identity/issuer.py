"""An issuer of tokens: its keys, what it signs with them, and a real server that says which they are.

issuer = Issuing()
token = issuer.token(sub="ann", roles=["desk"])
async with issuer.serving() as url: ...
"""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final, TypeAlias

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from events.access import Algorithm, Issuer
from gateway.identity.fetching import NotFetched
from projections.questions import AccessAnswer
from tests.support.gateway import NOON

Private: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

URL: Final = "https://login.example.com"
JWKS: Final = "https://login.example.com/jwks"
ALGORITHMS: Final[tuple[Algorithm, ...]] = ("RS256", "PS256", "ES256", "EdDSA")
DROP: Final = object()
"""A claim that is left out."""


@cache
def private_key(algorithm: str, nth: int = 0) -> Private:
    """The same one each time: making an RSA key takes a while."""
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65_537, 2_048)


def jwk_of(private: Private, kid: str, **about: Any) -> dict[str, Any]:
    """The public half."""
    spelled: dict[str, Any]
    if isinstance(private, rsa.RSAPrivateKey):
        spelled = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    elif isinstance(private, ec.EllipticCurvePrivateKey):
        spelled = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    else:
        spelled = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return {name: value for name, value in spelled.items() if name != "key_ops"} | {"kid": kid} | about


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def spelled(header: Any, claims: Any, signature: bytes = b"\0") -> str:
    """A token of the right shape, whatever it says; it is signed by nobody."""
    parts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in (header, claims)]
    return ".".join(base64url(part) for part in (*parts, signature))


class Issuing:
    """`nth` tells its keys from those of others. It says that it has one for each algorithm, unless `published` is
    changed."""

    def __init__(self, nth: int = 0) -> None:
        self._keys: Final = {f"{one}-{nth}": (one, private_key(one, nth)) for one in ALGORITHMS}
        self.nth: Final = nth
        self.published: list[dict[str, Any]] = [jwk_of(key, kid) for kid, (_, key) in self._keys.items()]
        self.fetched = 0
        self.reachable = True
        self.answers: Callable[[], Mapping[str, Any] | bytes] = lambda: {"keys": self.published}

    def token(self, algorithm: Algorithm = "RS256", header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """One that is good at NOON and for an hour, but for what is said."""
        kid = f"{algorithm}-{self.nth}"
        said = {"iss": URL, "aud": "tidegate", "sub": "ann", "iat": NOON // 1_000, "exp": NOON // 1_000 + 3_600}
        said |= {"roles": ["desk"]} | claims
        private = self._keys[kid][1]
        heading = {name: value for name, value in ({"kid": kid} | dict(header or {})).items() if value is not DROP}
        payload = json.dumps({name: value for name, value in said.items() if value is not DROP}).encode()
        return jwt.PyJWS().encode(payload, private, algorithm, headers=heading)

    @property
    def data(self) -> bytes:
        said = self.answers()
        return said if isinstance(said, bytes) else json.dumps(said).encode()

    async def fetch(self, url: str) -> bytes:
        """As over the network, without one."""
        assert url == JWKS
        self.fetched += 1
        if not self.reachable:
            raise NotFetched("not_connected")
        return self.data

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Where a server answers with its keys, and beside them with where they are: a real one, on a port of this
        machine."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = await reader.readuntil(b"\r\n\r\n")
            self.fetched += 1
            discovered = request.split()[1] == b"/.well-known/openid-configuration"
            body = json.dumps({"issuer": home, "jwks_uri": f"{home}/jwks"}).encode() if discovered else self.data
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body))
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        home = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield f"{home}/jwks"
        finally:
            server.close()


def record(**about: Any) -> Issuer:
    """What an organisation says of it."""
    said: dict[str, Any] = {"id": "staff", "url": URL, "audience": "tidegate", "jwks_url": JWKS}
    said |= {"roles": {"desk": "operator", "admin": "owner"}, "algorithms": ALGORITHMS}
    return Issuer(**(said | about))


def access(*issuers: Issuer) -> AccessAnswer:
    """What the register knows of who may ask."""
    return AccessAnswer((), issuers or (record(),), 1)
