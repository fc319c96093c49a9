"""Which endpoints there are, and where each begins: folded from the log."""

from __future__ import annotations

from structlog.testing import capture_logs

from actors.kinds import KINDS
from events.log import ExpectAt
from events.webhooks import EndpointDisabled, EndpointEnabled, EndpointPut, EndpointRemoved
from gateway.webhooks.directory import Directory
from tests.support.house import House, open_house

URL = "https://example.org"


def put(id: str, url: str = URL, *, active: bool = True) -> EndpointPut:
    return EndpointPut(id, url, ("*",), "", active, 1)


async def seen(directory: Directory, *orgs: str) -> dict[str, tuple[str, int, int]]:
    """By organisation and id: where it goes, where it was put, and where it begins."""
    await directory.look(orgs)
    return {f"{org}/{id}": (one.endpoint.url, one.born, one.began) for (org, id), one in directory.active.items()}


async def commit(
    house: House, org: str, *facts: EndpointPut | EndpointRemoved | EndpointEnabled | EndpointDisabled
) -> int:
    return (await house.commit(f"{org}.webhooks", *facts)).sequence


async def test_an_endpoint_begins_where_it_was_put() -> None:
    """Also when it is changed; and elsewhere, when it is removed and put again, or begins afresh."""
    async with open_house(KINDS) as house:
        directory = Directory(house.log)
        assert await seen(directory, "one") == {}
        first = await commit(house, "one", put("a"), put("b"))
        assert await seen(directory, "one") == {"one/a": (URL, first, first), "one/b": (URL, first, first)}
        await commit(house, "one", put("a", "https://other.example"))
        assert (await seen(directory, "one"))["one/a"] == ("https://other.example", first, first)
        again = await commit(house, "one", EndpointRemoved("a"), put("a"))
        afresh = await commit(house, "one", EndpointEnabled("b", afresh=True))
        expected = {"one/a": (URL, again, again), "one/b": (URL, first, afresh)}
        assert await seen(directory, "one") == expected == await seen(Directory(house.log), "one")


async def test_only_what_is_delivered_to_is_seen() -> None:
    """Not what is disabled, nor what belongs to somebody whom nobody asks about."""
    async with open_house(KINDS) as house:
        directory = Directory(house.log)
        await commit(house, "one", put("a"), put("b", active=False))
        await commit(house, "two", put("c"))
        assert set(await seen(directory, "one")) == {"one/a"}
        assert set(await seen(directory, "one", "two")) == {"one/a", "two/c"}
        await commit(house, "one", EndpointDisabled("a", "gone"), EndpointEnabled("b", afresh=False))
        assert set(await seen(directory, "one", "two")) == {"one/b", "two/c"}
        assert set(await seen(directory, "two")) == {"two/c"}


async def test_what_cannot_be_read_concerns_its_organisation_only() -> None:
    """It stays as it was, the others go on, and it is said once."""
    async with open_house(KINDS) as house:
        directory = Directory(house.log)
        last = await commit(house, "one", put("a"))
        await commit(house, "two", put("c"))
        assert set(await seen(directory, "one", "two")) == {"one/a", "two/c"}
        await house.store("one.webhooks", b'{"no": "commit"}', ExpectAt(last))
        await commit(house, "two", put("d"))
        with capture_logs() as logged:
            for _ in range(2):
                assert set(await seen(directory, "one", "two")) == {"one/a", "two/c", "two/d"}
        assert [(one["event"], one["actor"]) for one in logged] == [("endpoints_unreadable", "one.webhooks")]
