"""Keys are fetched from where they may stand, whole, short and in time; everything else is as if nobody were there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.abroad.addresses import Resolver
from gateway.identity import fetching as module
from gateway.identity.fetching import NotFetched, fetching
from gateway.limits import KEY_SET_BYTES_MAX
from tests.gateway.webhooks.receiver import receiving
from tests.gateway.webhooks.test_sending import certified


def answer(body: str, *headers: str, status: str = "200 OK") -> str:
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", body))


def leads_to(*addresses: str) -> Resolver:
    async def resolve(_host: str) -> Sequence[str]:
        return addresses

    return resolve


async def why_not(url: str, resolve: Resolver | None = None) -> str:
    async with fetching(resolve=resolve) as fetch:
        with pytest.raises(NotFetched) as error:
            await fetch(url)
    return error.value.why


async def test_what_stands_there_is_fetched() -> None:
    """By a request that says nothing of us."""
    async with receiving() as receiver, fetching() as fetch:
        receiver.answers = lambda _got: answer('{"keys":[]}')
        assert await fetch(receiver.url) == b'{"keys":[]}'
        assert receiver.got[0].line == "GET /hook HTTP/1.1"
        assert set(receiver.got[0].headers) == {"host", "accept", "accept-encoding"}


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Again", "308 For Good"])
async def test_nobody_sends_us_on(status: str) -> None:
    """A redirect is no answer, wherever it leads."""
    async with receiving() as receiver, receiving() as other:
        receiver.answers = lambda _got: answer("", f"Location: {other.url}", status=status)
        assert await why_not(receiver.url) == f"status_{status[:3]}"
        assert other.connections == 0


async def test_only_a_whole_good_answer_is_taken() -> None:
    """Of status 200, as it is, to its end."""
    async with receiving() as receiver:
        for said, why in (
            (answer("{}", status="404 Not Found"), "status_404"),
            (answer("{}", status="204 No Content"), "status_204"),
            (answer("x" * 100, "Content-Encoding: gzip"), "encoded"),
            ("SMTP ready\r\n\r\n", "not_connected"),
        ):
            receiver.answers = lambda _got, said=said: said  # type: ignore[misc]  # each its own
            assert await why_not(receiver.url) == why
        url = receiver.url
    assert await why_not(url) == "not_connected"


async def test_an_answer_is_bounded() -> None:
    """Whether it says how long it is or not; at the bound it is taken."""
    async with receiving() as receiver, fetching() as fetch:
        receiver.answers = lambda _got: answer("x" * KEY_SET_BYTES_MAX)
        assert len(await fetch(receiver.url)) == KEY_SET_BYTES_MAX
        receiver.answers = lambda _got: answer("x" * (KEY_SET_BYTES_MAX + 1))
        assert await why_not(receiver.url) == "too_large"
        chunk = f"10000\r\n{'x' * 0x10000}\r\n" * 5
        receiver.answers = lambda _got: f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
        assert await why_not(receiver.url) == "too_large"


@pytest.mark.parametrize("drips", [True, False])
async def test_an_answer_comes_in_time(monkeypatch: pytest.MonkeyPatch, drips: bool) -> None:
    """All of it together, however it is held back."""
    monkeypatch.setattr(module, "KEY_SET_WITHIN_MS", 200)
    async with receiving() as receiver:
        receiver.drips = drips
        receiver.answers = lambda _got: None
        began = time.monotonic()
        assert await why_not(receiver.url) == "timeout"
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1", "address_loopback"),
        ("::1", "address_loopback"),
        ("10.0.0.1", "address_private"),
        ("fd00::1", "address_private"),
        ("169.254.169.254", "address_link_local"),
        ("::ffff:10.0.0.1", "address_private"),
    ],
)
async def test_an_issuer_abroad_stands_on_the_internet(address: str, why: str) -> None:
    """By https, no name leads behind our walls: not by one of its addresses, and not to this machine."""
    for addresses in ((address,), ("93.184.216.34", address)):
        assert await why_not("https://login.example.com/jwks", leads_to(*addresses)) == why
    literal = f"[{address}]" if ":" in address else address
    assert await why_not(f"https://{literal}/jwks") == why


@pytest.mark.parametrize("address", ["10.0.0.1", "93.184.216.34", "169.254.169.254"])
async def test_an_issuer_by_http_stands_on_this_machine(address: str) -> None:
    """A name for it that leads elsewhere is not followed, though one of its addresses be right."""
    for addresses in ((address,), ("127.0.0.1", address)):
        assert (await why_not("http://localhost/jwks", leads_to(*addresses))).startswith("address_")


async def test_tls_is_for_the_name(tmp_path: Path) -> None:
    """The connection goes to the address that was looked at; the certificate has to be the name's, of one we trust."""
    server, trust = certified(tmp_path, "login.test")
    async with receiving(server) as receiver:
        receiver.answers = lambda _got: answer("{}")
        here = leads_to("127.0.0.1")
        async with fetching(resolve=here, allow_private=True, trust=trust) as fetch:
            assert await fetch(f"https://login.test:{receiver.port}/jwks") == b"{}"
            with pytest.raises(NotFetched, match="not_connected"):
                await fetch(f"https://other.test:{receiver.port}/jwks")
        async with fetching(resolve=here, allow_private=True) as fetch:
            with pytest.raises(NotFetched, match="not_connected"):
                await fetch(f"https://login.test:{receiver.port}/jwks")


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be told everything, and see to addresses itself."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with receiving() as receiver, fetching() as fetch:
        receiver.answers = lambda _got: answer("{}")
        assert await fetch(receiver.url) == b"{}"
