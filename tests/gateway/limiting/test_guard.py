"""What is turned away before the application hears of it, and what is not."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from gateway.limiting.addresses import Addresses
from gateway.limiting.guard import ALWAYS, Guard
from gateway.limiting.limits import Proxies, Rate, RateLimits
from gateway.limiting.rates import OFF, Rates

PROXIES = Addresses(Proxies(("10.0.0.0/8",)))
ORIGIN = "https://shop.example"


class Application:
    """Answers when it may, and remembers where requests came from."""

    def __init__(self) -> None:
        self.may_begin = asyncio.Event()
        self.may_end = asyncio.Event()
        self.clients: list[Any] = []
        self.schemes: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.clients.append(scope.get("client"))
        self.schemes.append(scope["scheme"])
        await self.may_begin.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await self.may_end.wait()
        await send({"type": "http.response.body", "body": b""})

    def answers(self) -> None:
        self.may_begin.set()
        self.may_end.set()


class Answer:
    status = 0
    headers: dict[str, str]
    body = b""

    async def send(self, event: Any) -> None:
        if event["type"] == "http.response.start":
            self.status = event["status"]
            self.headers = {name.decode(): value.decode() for name, value in event["headers"]}
        else:
            self.body += event["body"]

    @property
    def code(self) -> str:
        assert self.headers["content-type"] == "application/problem+json"
        assert int(self.headers["content-length"]) == len(self.body)
        said = msgspec.json.decode(self.body)
        assert said["status"] == self.status
        code: str = said["code"]
        return code


async def asked(guard: Guard, path: str = "/v1/demo/resources", **about: Any) -> Answer:
    answer = Answer()
    headers = [(name.encode(), value.encode()) for name, value in about.pop("headers", {}).items()]
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
        "client": ("203.0.113.7", 4711), "headers": headers, "scheme": "http",
    } | about  # fmt: skip
    await guard(scope, _receive, answer.send)
    return answer


async def _receive() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


@pytest.fixture
def application(runner: asyncio.Runner) -> Application:
    return Application()


def guarded(application: Application, limits: RateLimits = OFF, origins: tuple[str, ...] = (), most: int = 3) -> Guard:
    return Guard(application, Rates(limits, lambda: 0.0), PROXIES, origins, most)


async def test_so_many_are_under_way(application: Application) -> None:
    """The next is told to come again, at once; when one has its answer, there is room."""
    guard = guarded(application)
    waiting = [asyncio.ensure_future(asked(guard)) for _ in range(3)]
    await asyncio.sleep(0)
    refused = await asked(guard)
    assert (refused.status, refused.code) == (503, "overloaded")
    assert refused.headers["retry-after"] == "1"
    assert len(application.clients) == 3, "nobody has heard of it"
    application.answers()
    assert [answer.status for answer in await asyncio.gather(*waiting)] == [200] * 3
    assert guard.under_way == 0
    assert (await asked(guard)).status == 200


async def test_who_gives_up_makes_room(application: Application) -> None:
    """And so does an application that fails."""
    guard = guarded(application)
    waiting = [asyncio.ensure_future(asked(guard, path)) for path in ("/v1/demo/resources", "/v1/demo/events")]
    await asyncio.sleep(0)
    assert guard.under_way == 2
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert guard.under_way == 0


@pytest.mark.parametrize("path", sorted(ALWAYS))
async def test_how_it_is_may_always_be_asked(application: Application, path: str) -> None:
    """However much is under way, and however often."""
    guard = guarded(application, RateLimits(address=Rate(1, 1)), most=0)
    application.answers()
    assert [(await asked(guard, path)).status for _ in range(5)] == [200] * 5
    assert (await asked(guard)).status == 503


async def test_a_stream_is_under_way_until_it_has_begun(application: Application) -> None:
    """Ten thousand of them may last, and leave room for requests."""
    guard = guarded(application)
    streams = [asyncio.ensure_future(asked(guard, "/v1/demo/events")) for _ in range(3)]
    await asyncio.sleep(0)
    assert (await asked(guard, "/v1/demo/events")).code == "overloaded"
    application.may_begin.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert guard.under_way == 0
    application.may_end.set()
    assert [answer.status for answer in await asyncio.gather(*streams)] == [200] * 3
    assert guard.under_way == 0


async def test_an_address_asks_so_often(application: Application) -> None:
    """That of the client, when a proxy of ours says whose it is; and pages of other sites may read why not."""
    guard = guarded(application, RateLimits(address=Rate(2, 2)), (ORIGIN,))
    application.answers()
    assert [(await asked(guard)).status for _ in range(3)] == [200, 200, 429]
    refused = await asked(guard, headers={"origin": ORIGIN})
    assert refused.code == "too_many_requests"
    assert refused.headers["access-control-allow-origin"] == ORIGIN
    assert refused.headers["access-control-allow-credentials"] == "true"
    assert {"retry-after", "x-request-id"} <= set(refused.headers["access-control-expose-headers"].split(", "))
    assert "access-control-allow-origin" not in (await asked(guard, headers={"origin": "https://a.example"})).headers
    for number in range(5):
        said = {"x-forwarded-for": f"1.1.1.1, 198.51.100.{number}"}
        assert (await asked(guard, client=("10.0.0.1", 1), headers=said)).status == 200
    assert application.clients[-1] == ("198.51.100.4", 0), "what follows knows the client, and not the proxy"
    assert (await asked(guard, headers={"x-forwarded-for": "198.51.100.99"})).status == 429


async def test_a_proxy_of_ours_says_how_it_was_asked(application: Application) -> None:
    """What follows knows the scheme of the client, and not ours; a stranger's word for it is none."""
    guard, said = guarded(application), {"x-forwarded-proto": "https"}
    application.answers()
    for client in (("10.0.0.1", 1), ("203.0.113.7", 1), None):
        await asked(guard, client=client, headers=said)
    assert application.schemes == ["https", "http", "http"]


async def test_every_origin_may_read_why_if_every_origin_may_call(application: Application) -> None:
    """But none with cookies."""
    refused = await asked(guarded(application, origins=("*",), most=0), headers={"origin": ORIGIN})
    assert refused.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in refused.headers


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "x"])
async def test_compressed_bodies(application: Application, encoding: str) -> None:
    """Are refused with what would be taken, before anything of them is read."""
    application.answers()
    refused = await asked(guarded(application), method="POST", headers={"content-encoding": encoding})
    assert (refused.status, refused.code) == (415, "compressed")
    assert refused.headers["accept-encoding"] == "identity"
    assert application.clients == []


async def test_bodies_that_are_not_compressed(application: Application) -> None:
    """May say so."""
    application.answers()
    for encoding in ("identity", "", " Identity "):
        answer = await asked(guarded(application), method="POST", headers={"content-encoding": encoding})
        assert answer.status == 200


@pytest.mark.parametrize(
    "path",
    [
        "//", "/v1//demo", "/v1/./demo", "/v1/..", "/v1/../x", "/v1/%2e%2E/x", "/v1%2fx", "/v1%5Cx", "/v1/%00",
        "/%0d%0a", "/%7f",
    ],
)  # fmt: skip
async def test_other_spellings_of_paths(application: Application, path: str) -> None:
    """Are refused: somebody in front of us may have read them otherwise."""
    refused = await asked(guarded(application), path)
    assert (refused.status, refused.code) == (400, "bad_path")


@pytest.mark.parametrize(
    "path", ["/.well-known/jwks.json", "/v1/demo/holds/a.b~c", "/v1/demo/holds/a.b%7Ec", "/a..b/c%20d"]
)
async def test_paths_with_dots_and_percent_signs(application: Application, path: str) -> None:
    """Which mean nothing else are taken."""
    application.answers()
    assert (await asked(guarded(application), path)).status == 200


async def test_a_local_socket_has_no_address(application: Application) -> None:
    """Whoever comes through it is one, and comes in."""
    application.answers()
    assert (await asked(guarded(application, RateLimits()), client=None)).status == 200
