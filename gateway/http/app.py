"""The application: all routes, their description, and problems as everything that goes wrong is told."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Litestar, Request, Response
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.exceptions import HTTPException, SerializationException, ValidationException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import License, Tag
from litestar.types import ExceptionHandlersMap

from gateway.http import (
    access,
    audit,
    bookings,
    holds,
    offerings,
    operating,
    pages,
    rooms,
    sessions,
    streaming,
    webhooks,
)
from gateway.http.description import COMPONENTS, PROBLEM, SECURITY, described
from gateway.http.front import AnyRequest, Front, admitted
from gateway.http.operating import ALONE, Operating
from gateway.http.outgoing import TOLD
from gateway.http.schemas import Sequences, Structs
from gateway.limiting.guard import READABLE
from gateway.limits import BODY_BYTES_MAX
from gateway.problems import Problem, problem_from

VERSION: Final = "1.0.0"
"""Of what is said here, not of the program that says it."""
GONE: Final = "client disconnected prematurely"
"""What Litestar says of a body that doesn't come to its end. It calls that an error of ours."""
_CODES: Final = {
    400: "malformed", 401: "unauthenticated", 403: "not_permitted", 404: "unknown_path", 405: "wrong_method",
    413: "too_large", 415: "not_json", 429: "too_many_requests",
}  # fmt: skip
TAGS: Final = (
    Tag("Sessions", "How a visitor is known again who says nothing of themselves."),
    Tag("Catalog", "What there is to book."),
    Tag("Slots", "When it is free."),
    Tag("Holds", "Slots that are somebody's for a moment."),
    Tag("Bookings", "Slots that are somebody's for good."),
    Tag("Standby", "In line for what is full."),
    Tag("Rooms", "Waiting rooms, as they are run."),
    Tag("Tickets", "Places in the line before them."),
    Tag("Passes", "What lets somebody in."),
    Tag("Access", "Who may ask, and as what: keys, and people who sign in elsewhere."),
    Tag("Webhooks", "What happens, told to other servers."),
    Tag("Audit", "What happened, and whether it was altered."),
    Tag("Streams", "How all of it changes, live."),
    Tag("Operations", "Whether it runs, and how it fares."),
)
PARTS: Final = (sessions, offerings, bookings, holds, rooms, streaming, access, webhooks, audit)
ROUTES: Final = [route for part in PARTS for route in part.ROUTES]
for _route in (*ROUTES, *operating.ROUTES):
    _route.operation_class = described(_route)


class Asked(Request[Any, Any, Any]):
    """A request whose body may be nonsense in every way. Litestar knows of one, and takes the others for its own."""

    async def json(self) -> Any:
        try:
            return await super().json()
        except RecursionError as error:
            raise SerializationException("the body is nested too deeply") from error
        except UnicodeDecodeError as error:
            raise SerializationException("the body is no UTF-8") from error


def application(front: Front, origins: tuple[str, ...] = (), how: Operating | None = None) -> Litestar:
    """`how` it fares is told there as well, if it is given."""
    cors = CORSConfig(
        allow_origins=list(origins),
        allow_credentials="*" not in origins,
        allow_headers=[
            "authorization", "content-type", "idempotency-key", "if-none-match", "tidegate-manage-token",
            "tidegate-pass", "tidegate-position", "tidegate-session", "tidegate-timeout-ms", "traceparent",
            "x-request-id",
        ],
        expose_headers=list(READABLE),
        max_age=600,
    )  # fmt: skip
    return Litestar(
        [*ROUTES, *pages.ROUTES, *(() if how is None else operating.ROUTES)],
        state=State({"front": front, "operating": how}),
        guards=[admitted],
        exception_handlers=HANDLERS,
        cors_config=cors if origins else None,
        request_class=Asked,
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=OpenAPIConfig(
            title="Tidegate",
            version=VERSION,
            description="Waiting rooms that are fair, and bookings that cannot be double.",
            license=License("Apache-2.0", identifier="Apache-2.0"),
            tags=list(TAGS),
            components=COMPONENTS,
            security=SECURITY,
            webhooks=TOLD,
            use_handler_docstrings=True,
            render_plugins=[pages.Documentation()],
            openapi_router=pages.documentation(),
        ),
        plugins=[Sequences(), Structs()],
        logging_config=None,
    )


def beside(how: Operating) -> Litestar:
    """An application that tells nothing but how this process fares, for a port of its own."""
    return Litestar(
        operating.ROUTES,
        state=State({"operating": how, ALONE: True}),
        exception_handlers=HANDLERS,
        openapi_config=None,
        logging_config=None,
    )


def told(problem: Problem, status: int = 0) -> Response[bytes]:
    """With the status that follows from its code, or from the framework's own."""
    said = problem.told
    if status:
        said = msgspec.structs.replace(said, status=status)
    return Response(
        msgspec.json.encode(said), status_code=said.status, media_type=PROBLEM, headers=problem.said_in_headers
    )


def _any(_: AnyRequest, error: Exception) -> Response[bytes]:
    return told(problem_from(error))


def _malformed(_: AnyRequest, error: ValidationException | SerializationException) -> Response[bytes]:
    said = error.detail
    extra: Any = getattr(error, "extra", None)
    if isinstance(extra, list):
        said += "".join(f"; {one.get('key', '')}: {one.get('message', '')}" for one in extra[:8])
    return told(Problem("malformed", said))


def _http(_: AnyRequest, error: HTTPException) -> Response[bytes]:
    if error.detail == GONE:
        return told(Problem("malformed", GONE))
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return told(problem_from(error))
    problem = Problem(_CODES.get(error.status_code, "refused"), error.detail, headers=error.headers or {})
    return told(problem, error.status_code)


HANDLERS: Final[ExceptionHandlersMap] = {
    ValidationException: _malformed,
    SerializationException: _malformed,
    HTTPException: _http,
    Exception: _any,
}
