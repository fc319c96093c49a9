"""What the OpenAPI description says of every operation beside what its handler says: the headers that it heeds and
those that it answers with, whether a body has to be sent, and problems, which anything that goes wrong is told as."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import Final

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import (
    Components,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    RequestBody,
    Schema,
    SecurityScheme,
)
from litestar.openapi.spec.enums import OpenAPIType
from litestar.typing import FieldDefinition

from gateway.http.examples import example_of
from gateway.http.front import GUARDED, KEYED, LOGGED, NEEDS, TAGGED, WRITES, Writes
from gateway.limits import IDEMPOTENCY_KEY_CHARACTERS_MAX, WITHIN_MS_MAX, WITHIN_MS_MIN

PROBLEM: Final = "application/problem+json"
_TEXT: Final = Schema(type=OpenAPIType.STRING)
_NUMBER: Final = Schema(type=OpenAPIType.INTEGER)
_FAULTS: Final = ("caller", "late", "busy", "ours")

_PROBLEM: Final = Schema(
    title="Problem",
    description="Why it was not done (RFC 9457): a stable `code`, a sentence, whose turn it is, when to ask again.",
    type=OpenAPIType.OBJECT,
    properties={
        "type": _TEXT,
        "title": _TEXT,
        "status": _NUMBER,
        "code": _TEXT,
        "detail": _TEXT,
        "fault": Schema(type=OpenAPIType.STRING, enum=list(_FAULTS)),
        "retry_after_ms": _NUMBER,
    },
    required=["type", "title", "status", "code", "detail", "fault"],
    examples=[
        {
            "type": "urn:tidegate:problem:taken", "title": "Taken", "status": 409, "code": "taken",
            "detail": "0 of 1 units are free at that time, not 1", "fault": "late",
        }
    ],
)  # fmt: skip
COMPONENTS: Final = Components(
    security_schemes={
        "bearer": SecurityScheme(
            type="http",
            scheme="bearer",
            description="A visitor's session, an API key, or a JSON Web Token of a trusted issuer.",
        ),
        "cookie": SecurityScheme(type="apiKey", name="tidegate_session", security_scheme_in="cookie"),
    },
)
SECURITY: Final = [{"bearer": list[str]()}, {"cookie": list[str]()}, dict[str, list[str]]()]

_ID_TOLD: Final = OpenAPIHeader(
    schema=_TEXT,
    description="What our lines call this request: yours, or one made here. "
    "What is turned away before it is one (no HTTP, too large, too many connections) has none.",
)
_TOLD: Final = OpenAPIResponse(
    description="Why it was not done.",
    headers={
        "Retry-After": OpenAPIHeader(schema=_NUMBER, description="In seconds, where asking again may help."),
        "X-Request-Id": _ID_TOLD,
    },
    content={PROBLEM: OpenAPIMediaType(schema=_PROBLEM)},
)
_SEEN: Final = Parameter(
    "Tidegate-Position", "header", schema=_TEXT, required=False,
    description="As an answer told it: nothing older is read.",
)  # fmt: skip
_WITHIN: Final = Parameter(
    "Tidegate-Timeout-Ms", "header", required=False,
    schema=Schema(type=OpenAPIType.INTEGER, minimum=WITHIN_MS_MIN, maximum=WITHIN_MS_MAX),
    description="How long you wait. It travels with what is asked of actors.",
)  # fmt: skip
_FOR: Final = Parameter(
    "Tidegate-Session", "header", schema=_TEXT, required=False,
    description="Beside an API key or a JSON Web Token: the session of the visitor for whom you ask. Holds, standbys "
    "and tickets take one, whatever the role: `POST /v1/{org}/sessions` makes it.",
)  # fmt: skip
_ID: Final = Parameter(
    "X-Request-Id", "header", schema=_TEXT, required=False,
    description="What this request is to be called in our lines: up to 64 letters, digits, `.`, `_`, `-`. It is sent "
    "back; whatever else it is, one is made here instead.",
)  # fmt: skip
_TRACE: Final = Parameter(
    "traceparent", "header", schema=_TEXT, required=False,
    description="The trace that this request belongs to (W3C). It goes on, in what is committed as well; what is none "
    "is not looked at.",
)  # fmt: skip
_KEY: Final = Parameter(
    "Idempotency-Key", "header", required=False,
    schema=Schema(type=OpenAPIType.STRING, max_length=IDEMPOTENCY_KEY_CHARACTERS_MAX),
    description="The same request under the same key is done once, and gets the first answer again. A key belongs to "
    "its caller and to its request, body and all: another body under it is refused (`idempotency_key_reused`). Where "
    "that is about another day, resource or room, a gateway that was not told of the key yet does it, as under a new "
    "key. So make a new key for each thing that you want.",
)  # fmt: skip
_PASS: Final = Parameter(
    "Tidegate-Pass", "header", schema=_TEXT, required=False,
    description="Of the waiting room that it is behind. A browser has it in the cookie `tidegate_pass` as well.",
)  # fmt: skip
_KNOWN: Final = Parameter(
    "If-None-Match", "header", schema=_TEXT, required=False,
    description="The `ETag` of what you have: it is not sent again while that is how it is.",
)  # fmt: skip
_TAG: Final = OpenAPIHeader(schema=_TEXT, required=True, description="Another one as soon as the catalog has changed.")
_DONE_AT: Final = OpenAPIHeader(
    schema=_TEXT,
    description="Where it stands in the log, if anything was done. Sent back, it lets nothing older be read.",
)
_REFUSED: Final = "400"
_UNCHANGED: Final = "304"


def described(route: HTTPRouteHandler) -> type[Operation]:
    """What Litestar is to make of a route."""

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            _describe(self, route)

    return Described


def writes(route: HTTPRouteHandler) -> Writes:
    said: Writes = route.opt.get(WRITES, "nothing")
    return "nothing" if "GET" in route.http_methods else said


def _describe(operation: Operation, route: HTTPRouteHandler) -> None:
    """Litestar calls every body required; one that may be null may be left out, and is taken for null then."""
    operation.parameters = [*(operation.parameters or ()), *_heeded(route)]
    responses = dict(operation.responses or {})
    for status, response in responses.items():
        if status.startswith("4"):
            responses[status] = _TOLD
        elif isinstance(response, OpenAPIResponse):
            is_done = status.startswith("2")
            response.headers = {**(response.headers or {}), **(_sent(route) if is_done else {"X-Request-Id": _ID_TOLD})}
            if is_done:
                _exemplify(response.content, route.parsed_fn_signature.return_type, route)
    if route.opt.get(TAGGED):
        responses[_UNCHANGED] = OpenAPIResponse(description="What you have is how it is.", headers=dict(_sent(route)))
    responses["default"] = _TOLD
    if NEEDS in route.opt:
        responses[_REFUSED] = _TOLD
    operation.responses = responses
    if isinstance(operation.request_body, RequestBody):
        _exemplify(operation.request_body.content, route.parsed_fn_signature.parameters["data"])
        operation.request_body.required = not all(map(_may_be_null, operation.request_body.content.values()))


def _heeded(route: HTTPRouteHandler) -> list[Parameter]:
    """Headers of the request. A route that asks nothing of anybody heeds what it is to be called, and its trace."""
    if NEEDS not in route.opt:
        return [_ID, _TRACE]
    return [
        _SEEN,
        _WITHIN,
        _FOR,
        *([_KEY] if writes(route) in KEYED else []),
        *([_PASS] if route.opt[GUARDED] else []),
        *([_KNOWN] if route.opt[TAGGED] else []),
        _ID,
        _TRACE,
    ]


def _sent(route: HTTPRouteHandler) -> dict[str, OpenAPIHeader]:
    """Headers of what is answered when it was done."""
    return {
        "X-Request-Id": _ID_TOLD,
        **({"Tidegate-Position": _DONE_AT} if writes(route) in LOGGED else {}),
        **({"ETag": _TAG} if route.opt.get(TAGGED) else {}),
    }


def _exemplify(
    content: dict[str, OpenAPIMediaType] | None, of: FieldDefinition, route: HTTPRouteHandler | None = None
) -> None:
    """With an example of what is inside: of a response, or of what may be null."""
    inside = [one.annotation for one in of.inner_types if one.annotation is not NoneType]
    annotation = inside[0] if inside and (of.is_optional or of.is_subclass_of(Response)) else of.annotation
    example = example_of(annotation, "" if route is None else _name(route))
    for media in (content or {}).values():
        media.example = None if example is None else msgspec.Raw(msgspec.json.encode(example))


def _name(route: HTTPRouteHandler) -> str:
    """One of its names, where it has several."""
    method, path = min(map(str, route.http_methods)), min(route.paths)
    return f"{method} {path.replace(':str', '')}"


def _may_be_null(media: OpenAPIMediaType) -> bool:
    one_of = media.schema.one_of if isinstance(media.schema, Schema) else None
    return any(isinstance(one, Schema) and one.type == OpenAPIType.NULL for one in one_of or ())
