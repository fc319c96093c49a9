"""The bare framework: Litestar with one route that always answers the same bytes, so many of them, on the server that
the gateway has (`python -m bench.bare PORT BYTES`)."""

from __future__ import annotations

import sys

import uvicorn
from litestar import Litestar, Response, get
from litestar.enums import MediaType


def application(size: int) -> Litestar:
    body = b'"' + b"x" * (size - 2) + b'"'

    @get("/")
    async def answer() -> Response[bytes]:
        return Response(body, media_type=MediaType.JSON)

    return Litestar([answer], openapi_config=None, logging_config=None)


def main() -> None:
    port, size = int(sys.argv[1]), int(sys.argv[2])
    uvicorn.run(
        application(size), host="127.0.0.1", port=port, loop="uvloop", http="httptools", ws="none", lifespan="off",
        workers=1, access_log=False, log_level="warning",
    )  # fmt: skip


if __name__ == "__main__":
    main()
