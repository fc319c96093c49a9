"""The files of the pages, as they are served; no browser is needed to look at those."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest

from gateway.http.pages import ASSETS, CLIENT
from tests.support.gateway import in_virtual_time, open_gateway, refused, told

__all__ = ["in_virtual_time"]

PAGES = ("/", "/docs", "/docs/streams")
CLIENTS_JS = Path(__file__).parents[2] / "clients" / "js" / "src"


async def test_pages_need_nothing_that_is_not_served_here() -> None:
    """What they name is there, what that imports as well; and none of it is anybody else's."""
    async with open_gateway(demo=False) as gate:
        left, seen = list(PAGES), set[str]()
        while left:
            path = left.pop()
            if path in seen:
                continue
            seen.add(path)
            answer = await gate.get(path)
            assert answer.status_code == 200, (path, told(answer))
            if answer.headers["content-type"].startswith("text/html"):
                left += re.findall(r'(?:src|href)="(/[^"]*)"', answer.text)
                assert not re.search(r'(?:src|href)="(?!/)', answer.text)
                assert "<style" not in answer.text and "style=" not in answer.text and "onclick" not in answer.text
            elif path.endswith(".js"):
                assert answer.headers["content-type"].startswith("text/javascript")
                imported = re.findall(r'^(?:import|export)[^;]*? from "([^"]+)";', answer.text, re.MULTILINE)
                assert all(name.startswith("./") for name in imported), (path, imported)
                left += [str(PurePosixPath(path).parent / name) for name in imported]
        assert "/assets/tidegate/deltas.js" in seen and "/docs/openapi.json" in seen


async def test_a_page_that_has_not_changed_is_not_sent_again() -> None:
    """It is asked for every time, and told by the hash of what it says."""
    async with open_gateway(demo=False) as gate:
        for path in ("/", "/docs/streams", "/assets/look.css", "/assets/tidegate/stream.js"):
            first = await gate.get(path)
            again = await gate.get(path, headers={"If-None-Match": f'"x", W/{first.headers["etag"]}'})
            assert (again.status_code, again.content) == (304, b"")
            assert first.headers["cache-control"] == again.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/streams", "/assets/today.js"])
async def test_pages_are_bound_by_their_headers(path: str) -> None:
    """Nothing inline, nothing from elsewhere, in nobody's frame."""
    async with open_gateway(demo=False) as gate:
        headers = (await gate.get(path)).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert {policy[of] for of in ("script-src", "style-src", "img-src", "connect-src")} == {"'self'"}
        assert headers["x-content-type-options"] == "nosniff"


async def test_only_assets_are_served_as_assets() -> None:
    """Whatever is written into the path."""
    async with open_gateway(demo=False) as gate:
        for path in (
            "/assets/nothing.js", "/assets/%2e%2e/index.html", "/assets/..%2f..%2fkeys.py", "/assets//etc/passwd",
            "/assets/tidegate/wire.d.ts", "/assets/tidegate",
        ):  # fmt: skip
            assert refused(await gate.get(path))[0] in {400, 404}, path


def test_the_client_library_is_served_from_its_own_folder() -> None:
    """There is one source of it, in a checkout."""
    assert CLIENT.resolve() == CLIENTS_JS.resolve()
    assert {path.name for path in CLIENTS_JS.glob("*.js")} and ASSETS.is_dir()
