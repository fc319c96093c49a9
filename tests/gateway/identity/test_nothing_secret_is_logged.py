"""Whatever is shown, right or wrong, and whatever becomes of it: no line of any log holds what opens something."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any, Final

import pytest
import structlog
from structlog.testing import capture_logs

from actors.access import PutIssuer
from events.access import access_actor
from gateway.identity.sessions import Sessions
from gateway.secret import Secret
from tests.gateway.identity.issuer import ALGORITHMS, JWKS, URL, Issuing
from tests.support.gateway import NOON, Gate, in_virtual_time, open_gateway

__all__ = ["in_virtual_time"]


class Lines:
    def __init__(self) -> None:
        self.text: Final = io.StringIO()
        self.records: list[Any] = []

    @property
    def told(self) -> str:
        return self.text.getvalue() + repr(self.records)


@pytest.fixture
def lines() -> Iterator[Lines]:
    """All that anybody's logger is told, down to the least of it."""
    found = Lines()
    handler = logging.StreamHandler(found.text)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    before = structlog.get_config()
    with capture_logs() as found.records:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
        yield found
    structlog.configure(**before)
    root.removeHandler(handler)
    root.setLevel(level)


def test_every_line_is_seen(lines: Lines) -> None:
    """Ours and those of libraries, at every level: else the others prove nothing."""
    structlog.get_logger("ours").debug("said", token="tg.a")
    logging.getLogger("theirs").debug("said %s", "tg.b")
    assert "tg.a" in lines.told and "tg.b" in lines.told


async def shown(gate: Gate, issuer: Issuing) -> list[str]:
    """Secrets of every kind, each of which was shown in every way that there is."""
    secrets: list[str] = []
    for org in ("demo", "other"):
        secrets += [await gate.key("viewer", org=org), await gate.session(org)]
    gone = await gate.key("viewer", expires_at=gate.clock() + 1)
    forged = Sessions(Secret(b"f" * 32))
    secrets += [
        gone,
        secrets[0][:-1] + "~",
        forged.token(forged.new("demo", b"0" * 15, NOON)),
        issuer.token(),
        issuer.token(exp=1),
        issuer.token(header={"kid": "nobody"}),
        Issuing(1).token(header={"kid": "RS256-0"}),
        issuer.token(roles=["other"]),
        issuer.token(sub="ann.lee@example.org"),
        "a-password-somebody-took-for-a-token",
    ]
    gate.clock.advance(2)
    for secret in secrets:
        for path in ("/v1/demo/bookings", "/v1/demo/nothing", "/v1/demo/resources"):
            await gate.get(path, as_=secret)
            await gate.get(path, as_=gate.owner, session=secret)
            await gate.get(path, headers={"Cookie": f"tidegate_session={secret}"})
            await gate.get(path, headers={"Authorization": f"Basic {secret}"})
            await gate.get(path, headers={"Tidegate-Pass": secret, "Tidegate-Manage-Token": secret})
        await gate.post("/v1/demo/holds", gate.wish(), as_=secret)
        await gate.post("/v1/demo/keys", {"role": secret}, as_=gate.owner)
    return secrets


async def test_no_token_is_in_any_line(lines: Lines) -> None:
    """Keys, sessions and tokens, good, bad, expired and foreign, wherever they are shown; nor whom a token is about."""
    issuer = Issuing()
    async with open_gateway(fetch=issuer.fetch) as gate:
        await gate.have(
            access_actor("demo"),
            PutIssuer("staff", URL, "tidegate", JWKS, roles={"desk": "viewer"}, algorithms=ALGORITHMS),
        )
        secrets = [gate.owner, *await shown(gate, issuer)]
    told = lines.told
    for secret in secrets:
        for part in {secret, secret.rpartition(".")[2]}:
            assert part not in told
    assert "ann.lee" not in told and gate.owner not in json.dumps([repr(gate.register), repr(gate.edge.secret)])


async def test_what_is_told_once_is_in_no_line(lines: Lines) -> None:
    """New keys and secrets of webhooks, as they are made and rotated."""
    async with open_gateway(demo=False) as gate:
        told_once = [
            (await gate.post("/v1/demo/keys", {"role": "viewer", "id": "one"}, as_=gate.owner)).json()["key"],
            (await gate.post("/v1/demo/keys/one/rotate", as_=gate.owner)).json()["key"],
            (await gate.put("/v1/demo/webhooks/shop", {"url": "https://a.example"}, as_=gate.owner)).json()["secret"],
            (await gate.post("/v1/demo/webhooks/shop/rotate", as_=gate.owner)).json()["secret"],
        ]
    told = lines.told
    assert len(set(told_once)) == 4 and "host_started" in told
    for secret in told_once:
        assert secret not in told and secret.rpartition(".")[2].removeprefix("whsec_") not in told
