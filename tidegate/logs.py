"""Logs: lines for people on a terminal, one JSON object per line elsewhere. All of them go to standard error.

Everything that logs, ours by structlog or a library's by `logging`, comes out through one handler, so that all
lines look alike. A line says what happened in a few plain words, and carries what it is about as fields:

    log = structlog.get_logger()
    log.info("took over", partition=17, host="host-2")

Whoever works on one command binds `actor`, `command` and `sequence` once, with
`structlog.contextvars.bound_contextvars`, and every line below carries them.

A record (a fact, a command, a commit) that is logged as a field is written without what is marked `Personal`.
Text that was taken out of a record has lost its mark: log the record, not the text. Tracebacks come without the
values of local variables, for the same reason.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, TextIO

import msgspec
import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from events.facts import redacted
from tidegate.config import LogSettings

IDS: Final = ("actor", "command", "sequence")
"""What ties a line to the log. They come first, in this order."""

LINES_WAIT_S: Final = 0.1
"""So long lines of the access log wait for others, to be written with them."""
LINES_AT_ONCE_MAX: Final = 500
GUESTS: Final = ("asyncio", "httpcore", "httpx", "nats", "ray")
"""Libraries whose loggers are ours to show, from warnings on: httpx would log every address that it asks, and of other
people's those are secrets. Ray brings a handler of its own, which is taken off."""


def setup(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (standard error). Setting up again replaces what was.

    A library that puts its own handlers on when it is imported, as Ray does, is only caught by a `setup` after that.
    """
    stream = sys.stderr if stream is None else stream
    human = _is_human(settings, stream)
    level = logging.getLevelNamesMapping()[settings.level.upper()]

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=IDS), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                ids_first,
                *(_for_people(stream) if human else _for_machines()),
            ],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in GUESTS:
        guest = logging.getLogger(name)
        guest.handlers.clear()
        guest.propagate = True
        guest.setLevel(max(level, logging.WARNING))

    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # a second `setup` must reach the loggers that modules hold
    )


def access_lines(settings: LogSettings, stream: TextIO | None = None) -> Callable[[msgspec.Struct], None] | None:
    """Writes the lines of an access log, which are many: as JSON by a way of their own, straight to the stream, in a
    fiftieth of the time; from within an event loop. They are as all lines look (`timestamp`, `level`, `event`,
    `logger`). Nothing is redacted on that way; whoever writes such a line sees to it. None, when lines of their level
    are not wanted."""
    stream = sys.stderr if stream is None else stream
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    if level > logging.INFO:
        return None
    if _is_human(settings, stream):
        return _as_others
    lines: list[bytes] = []
    encode = msgspec.json.Encoder().encode

    def write() -> None:
        if not lines:
            return  # there were so many that they did not wait
        lines.append(b"")
        said, lines[:] = b"\n".join(lines), []
        if (buffer := getattr(stream, "buffer", None)) is None:
            stream.write(said.decode())
        else:
            buffer.write(said)
        stream.flush()

    def line(said: msgspec.Struct) -> None:
        if not lines:
            asyncio.get_running_loop().call_later(LINES_WAIT_S, write)
        lines.append(encode(said))
        if len(lines) >= LINES_AT_ONCE_MAX:
            write()

    atexit.register(write)
    return line


def _as_others(line: msgspec.Struct) -> None:
    fields = msgspec.to_builtins(line)
    for ours in ("timestamp", "level"):  # they are told by when and how it is logged
        del fields[ours]
    structlog.get_logger(fields.pop("logger")).info(fields.pop("event"), **fields)


def _is_human(settings: LogSettings, stream: TextIO) -> bool:
    return settings.format == "human" or (settings.format == "auto" and stream.isatty())


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Write records as plain data, without what is personal in them."""
    for name, value in event.items():
        if isinstance(value, (msgspec.Struct, msgspec.Raw, list, tuple, dict)):
            event[name] = _plain(value)
    return event


def _plain(value: Any) -> Any:
    match value:
        case msgspec.Struct():
            return redacted(value)
        case msgspec.Raw():
            return f"<{len(bytes(value))} bytes>"  # what is inside has no marks to redact by
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case _:
            return value


def ids_first(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """When, how grave, what, about what: then the rest as it came."""
    order = ("timestamp", "level", "event", *IDS)
    return {name: event[name] for name in order if name in event} | dict(event)


def to_json(event: Mapping[str, Any], **_: Any) -> str:
    """One line of JSON, whatever the event holds: a line must not be lost for a value that cannot be spelled."""
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z).decode()
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, half a surrogate pair, a circle
        return json.dumps({str(name): repr(value) for name, value in event.items()})


def _for_people(stream: TextIO) -> list[Processor]:
    return [
        structlog.dev.ConsoleRenderer(
            colors=stream.isatty(),
            exception_formatter=structlog.dev.plain_traceback,
            sort_keys=False,
        )
    ]


def _for_machines() -> list[Processor]:
    traceback = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(traceback),
        structlog.processors.JSONRenderer(serializer=to_json),
    ]
