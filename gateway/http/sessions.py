"""`/v1/{org}/sessions`."""

from __future__ import annotations

from litestar import Response, post
from litestar.datastructures import Cookie, ResponseHeader

from gateway.http.front import AnyRequest, Org, called, needs, told_once
from gateway.identity.bearer import COOKIE
from gateway.limits import SESSION_LIFE_S
from gateway.operations import sessions
from gateway.operations.sessions import SessionBegun


@post(
    "/v1/{org:str}/sessions",
    opt=needs("slots.read", writes="drawn"), tags=["Sessions"], summary="Begin a session",
    response_headers=[
        ResponseHeader("Set-Cookie", value="", description="The token, for browsers.", documentation_only=True)
    ],
)  # fmt: skip
async def begin(request: AnyRequest, org: Org) -> Response[SessionBegun]:
    """For a visitor who says nothing of themselves. A browser keeps the token as a cookie; anybody else shows it as a
    bearer token. A server that shows a key of its own gets the same session again under an Idempotency-Key, whoever
    says nothing of themselves another one each time."""
    call = called(request)
    begun = sessions.begin(call)
    cookie = Cookie(
        COOKIE, f"/v1/{org}", begun.token, max_age=SESSION_LIFE_S, httponly=True, samesite="lax",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return told_once(Response(begun, status_code=201, cookies=[cookie]))


ROUTES = (begin,)
