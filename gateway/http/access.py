"""`/v1/{org}/keys` and `/v1/{org}/issuers`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from litestar import Response, delete, get, post, put
from litestar.params import JSONBody, PathParameter, QueryParameter

from events.access import Issuer
from gateway.http.front import AnyRequest, Org, answered, called, needs, told_once
from gateway.limits import PAGE_ROWS, PAGE_ROWS_MAX
from gateway.operations import access
from gateway.operations.access import Ended, IssuerWanted, KeyRotation, Keys, KeyTold, KeyWanted

Key: TypeAlias = Annotated[
    str,
    PathParameter(
        description="Its id, and not what opens anything.", max_length=64, schema_extra={"examples": ["front-desk"]}
    ),
]
IssuerName: TypeAlias = Annotated[
    str, PathParameter(description="What it is called here.", max_length=64, schema_extra={"examples": ["staff"]})
]


@post("/v1/{org:str}/keys", opt=needs("keys.manage"), tags=["Access"], summary="Issue an API key")
async def issue(request: AnyRequest, org: Org, data: JSONBody[KeyWanted]) -> Response[KeyTold]:
    """`key` is shown this once. Nobody can issue a key that permits more than they may do themselves."""
    call = called(request)
    return told_once(answered(call, await access.issue(call, data), 201))


@get("/v1/{org:str}/keys", opt=needs("keys.manage"), tags=["Access"], summary="API keys")
async def keys(
    request: AnyRequest,
    org: Org,
    ended: Annotated[bool, QueryParameter(required=False, description="Those that are over as well.")] = False,
    cursor: Annotated[str, QueryParameter(max_length=64, required=False)] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_ROWS_MAX, required=False)] = PAGE_ROWS,
) -> Response[Keys]:
    """By their ids, without what opens anything."""
    call = called(request)
    return answered(call, await access.keys(call, ended=ended, cursor=cursor, limit=limit))


@post(
    "/v1/{org:str}/keys/{id:str}/rotate",
    opt=needs("keys.manage"), tags=["Access"], summary="Give an API key another secret", status_code=200,
)  # fmt: skip
async def rotate(
    request: AnyRequest, org: Org, id: Key, data: JSONBody[KeyRotation | None] = None
) -> Response[KeyTold]:
    """The one that it had is good for a while longer, any before that no more. `key` is shown this once."""
    call = called(request)
    return told_once(answered(call, await access.rotate(call, id, data or KeyRotation())))


@delete(
    "/v1/{org:str}/keys/{id:str}",
    opt=needs("keys.manage"), tags=["Access"], summary="Revoke an API key", status_code=200,
)  # fmt: skip
async def revoke(request: AnyRequest, org: Org, id: Key) -> Response[Ended]:
    """It opens nothing any more, and its id is never another key's."""
    call = called(request)
    return answered(call, await access.revoke(call, id))


@get("/v1/{org:str}/issuers", opt=needs("keys.manage"), tags=["Access"], summary="Token issuers")
async def issuers(request: AnyRequest, org: Org) -> Response[tuple[Issuer, ...]]:
    """Those whose tokens are good here, by their ids."""
    call = called(request)
    return answered(call, await access.issuers(call))


@get("/v1/{org:str}/issuers/{id:str}", opt=needs("keys.manage"), tags=["Access"], summary="A token issuer")
async def issuer(request: AnyRequest, org: Org, id: IssuerName) -> Response[Issuer]:
    """What its tokens are checked by."""
    call = called(request)
    return answered(call, await access.issuer(call, id))


@put("/v1/{org:str}/issuers/{id:str}", opt=needs("keys.manage"), tags=["Access"], summary="Trust a token issuer")
async def put_issuer(request: AnyRequest, org: Org, id: IssuerName, data: JSONBody[IssuerWanted]) -> Response[Issuer]:
    """All that is said of it; what is left out has its default. Its public keys are fetched from `jwks_url`, and from
    nowhere else; without one, from where its own discovery document says that they are."""
    call = called(request)
    return answered(call, await access.put_issuer(call, id, data))


@delete(
    "/v1/{org:str}/issuers/{id:str}",
    opt=needs("keys.manage"), tags=["Access"], summary="Trust a token issuer no longer", status_code=200,
)  # fmt: skip
async def remove_issuer(request: AnyRequest, org: Org, id: IssuerName) -> Response[Ended]:
    """Its tokens are good for nothing from here on."""
    call = called(request)
    return answered(call, await access.remove_issuer(call, id))


ROUTES = (issue, keys, rotate, revoke, issuers, issuer, put_issuer, remove_issuer)
