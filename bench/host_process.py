"""One host over NATS, as every runtime runs it, until it is killed: `python -m bench.host_process NAME REACH`."""

from __future__ import annotations

import asyncio
import logging
import sys

import msgspec
import structlog
import uvloop

from actors.runtime.serving import calm_collector, serve
from events.nats.reach import Reach


def main() -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    calm_collector()
    name, reach = sys.argv[1], msgspec.json.decode(sys.argv[2], type=Reach)
    uvloop.run(serve(name, reach, until=asyncio.Event(), started=lambda _host: print("ready", flush=True)))


if __name__ == "__main__":
    main()
