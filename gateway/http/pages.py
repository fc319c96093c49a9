"""The pages: what a browser is shown at `/` and at `/docs`, from the package's own files and nobody else's.

They are plain files, read once, when the process starts. Each is sent with the hash of its content as its tag, and
asked for anew every time: a page that is loaded again costs a line for each file, and never mixes the files of two
versions. The client library that they use is the one in `clients/js`: `assets/tidegate` leads there in a checkout, and
is a copy of it in a package.

What a page may do is bounded by its headers: it loads scripts, styles and images from here alone, speaks to nobody
else, and stands in nobody's frame. Nothing is written into a page, so there is nothing to escape either.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from litestar import MediaType, Request, Response, Router, get
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.params import PathParameter

from gateway.http.front import is_known
from gateway.problems import Problem

FOLDER: Final = Path(__file__).parents[1] / "pages"
ASSETS: Final = FOLDER / "assets"
CLIENT: Final = ASSETS / "tidegate"
KINDS: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Page(msgspec.Struct, frozen=True):
    body: bytes
    kind: str
    tag: str


def read(path: Path) -> Page:
    body = path.read_bytes()
    return Page(body, KINDS[path.suffix], f'"{sha256(body).hexdigest()[:32]}"')


def _assets() -> dict[str, Page]:
    """By the path below `/assets`, which is looked up and never opened."""
    found = (path for folder in (ASSETS, CLIENT) for path in sorted(folder.iterdir()) if path.suffix in KINDS)
    return {f"/{path.relative_to(ASSETS).as_posix()}": read(path) for path in found}


_FIRST: Final = read(FOLDER / "index.html")
_DOCS: Final = read(FOLDER / "docs.html")
_STREAMS: Final = read(FOLDER / "streams.html")
_ASSETS: Final = _assets()


def _shown(request: Request[Any, Any, Any], page: Page) -> Response[bytes]:
    headers = HEADERS | {"ETag": page.tag}
    if is_known(request, page.tag):
        return Response(b"", status_code=304, headers=headers, media_type=page.kind)
    return Response(page.body, headers=headers, media_type=page.kind)


@get("/", opt={"public": True}, include_in_schema=False)
async def first(request: Request[Any, Any, Any]) -> Response[bytes]:
    return _shown(request, _FIRST)


@get("/assets/{name:path}", opt={"public": True}, include_in_schema=False)
async def asset(request: Request[Any, Any, Any], name: Annotated[Path, PathParameter()]) -> Response[bytes]:
    page = _ASSETS.get(name.as_posix())
    if page is None:
        raise Problem("unknown_path", "there is no such file")
    return _shown(request, page)


@get("/streams", opt={"public": True}, include_in_schema=False)
async def streams(request: Request[Any, Any, Any]) -> Response[bytes]:
    return _shown(request, _STREAMS)


class Documentation(OpenAPIRenderPlugin):
    """`/docs`, beside the `openapi.json` that it is made of."""

    def __init__(self) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return _DOCS.body


def documentation() -> Router:
    """Where Litestar puts the documentation, with the headers of every page."""
    return Router("/docs", route_handlers=[streams], response_headers=HEADERS, include_in_schema=False)


ROUTES = (first, asset)
