"""What the OpenAPI description says of every operation: the headers that all of them take, whether a body has to be
sent, and problems, which anything that goes wrong is told as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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

_TOLD: Final = OpenAPIResponse(
    description="Why it was not done.",
    headers={"Retry-After": OpenAPIHeader(schema=_NUMBER, description="In seconds, where asking again may help.")},
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
_KEY: Final = Parameter(
    "Idempotency-Key", "header", required=False,
    schema=Schema(type=OpenAPIType.STRING, max_length=IDEMPOTENCY_KEY_CHARACTERS_MAX),
    description="The same request under the same key is done once, and gets the first answer again.",
)  # fmt: skip
_FOR: Final = Parameter(
    "Tidegate-Session", "header", schema=_TEXT, required=False,
    description="Beside a key: the session of the visitor for whom you ask.",
)  # fmt: skip
_REFUSED: Final = "400"


@dataclass
class Described(Operation):
    """An operation with what is said of all. Litestar calls every body required; one that may be null may be left out,
    and is taken for null then."""

    def __post_init__(self) -> None:
        responses = dict(self.responses or {})
        writes = self.request_body is not None or any(code.startswith("201") for code in responses)
        self.parameters = [*(self.parameters or ()), _SEEN, _WITHIN, _FOR, *([_KEY] if writes else [])]
        responses[_REFUSED] = responses["default"] = _TOLD
        self.responses = responses
        if isinstance(self.request_body, RequestBody):
            self.request_body.required = not all(map(_may_be_null, self.request_body.content.values()))


def _may_be_null(media: OpenAPIMediaType) -> bool:
    one_of = media.schema.one_of if isinstance(media.schema, Schema) else None
    return any(isinstance(one, Schema) and one.type == OpenAPIType.NULL for one in one_of or ())
