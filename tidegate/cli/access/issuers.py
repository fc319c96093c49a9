"""`tidegate issuer put|list|remove`: whose tokens are believed, and which role their bearer gets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from tidegate.cli.access.common import BadAccess, asked
from tidegate.cli.booking.common import done, plain_table
from tidegate.cli.shared import Invocation

if TYPE_CHECKING:
    from events.access import Issuer

IssuerArgument = Annotated[str, typer.Argument(metavar="ISSUER", help="Its id, as `issuer list` shows it.")]


async def put(
    call: Invocation,
    issuer: Annotated[str, typer.Argument(metavar="ISSUER", help="What it is listed as: staff.")],
    url: Annotated[str, typer.Option(help="What its tokens say in `iss`, to the letter.")],
    audience: Annotated[str, typer.Option(help="What they say in `aud` when they are meant for us.")],
    jwks: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Where its public keys are; where its discovery document says, if none.",
            show_default=False,
        ),
    ] = "",
    claim: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Where in a token roles stand: roles if none. Repeated, one inside the other.",
            show_default=False,
        ),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(metavar="VALUE=ROLE", help="A value that stands there, and the role it gives. May be repeated."),
    ] = None,
    default_role: Annotated[
        Literal["owner", "operator", "service", "viewer", "session"] | None,
        typer.Option(help="Of those who have none of these; they don't come in if none.", show_default=False),
    ] = None,
    algorithm: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="RS256, ES256, EdDSA or PS256; RS256 if none. May be repeated."),
    ] = None,
) -> None:
    """Believe an issuer's tokens, or change all that is said of it: what is left out has its default again.

    For example: tidegate issuer put staff --url https://login.example.com --audience tidegate
    --claim realm_access --claim roles --role admin=owner --role desk=operator
    """
    from actors.access.commands import PutIssuer
    from events.access import Issuer

    command = PutIssuer(
        issuer,
        url,
        audience,
        jwks,
        tuple(claim or ("roles",)),
        roles_from(role or ()),
        default_role or "",
        tuple(algorithm or ("RS256",)),
    )
    answer = await asked(call, command)
    found = msgspec.convert(answer.reply, Issuer)
    rows = {"roles": roles_shown(found), "signed by": ", ".join(found.algorithms)}
    told = f"believed: {found.url}" if answer.sequence else f"as it was: {found.url}"
    done(call, {**_data(found), "sequence": answer.sequence}, told, **rows)


async def list_(call: Invocation) -> None:
    """List the issuers whose tokens are believed.

    For example: tidegate issuer list
    """
    from actors.access.commands import ListIssuers
    from events.access import Issuer

    reply = (await asked(call, ListIssuers())).reply
    found = msgspec.convert(reply["issuers"], list[Issuer])
    if call.json:
        call.answer([_data(one) for one in found])
        return
    table = plain_table("issuer", "url", "audience", "signed by")
    table.add_column("roles", overflow="fold")
    for one in found:
        table.add_row(one.id, one.url, one.audience, ", ".join(one.algorithms), roles_shown(one))
    call.out.print(table if found else "no issuer is believed: `tidegate issuer put` adds one", soft_wrap=not found)


async def remove(call: Invocation, issuer: IssuerArgument) -> None:
    """Believe an issuer's tokens no longer.

    For example: tidegate issuer remove staff
    """
    from actors.access.commands import RemoveIssuer

    answer = await asked(call, RemoveIssuer(issuer))
    done(call, {**answer.reply, "sequence": answer.sequence}, f"no longer believed: {issuer}")


def roles_from(texts: Iterable[str]) -> dict[str, str]:
    """`VALUE=ROLE`, each value once. A value may have a `=` of its own, a role has none."""
    found: dict[str, str] = {}
    for text in texts:
        value, equals, role = text.rpartition("=")
        if not equals or value in found:
            raise BadAccess(f"--role {text}: expected VALUE=ROLE, each value once")
        found[value] = role
    return found


def roles_shown(issuer: Issuer) -> str:
    """`realm_access › roles: admin is owner; otherwise viewer`."""
    said = [f"{value} is {role}" for value, role in issuer.roles.items()]
    said += [f"otherwise {issuer.default_role}"] if issuer.default_role else []
    return f"{' › '.join(issuer.roles_claim)}: {'; '.join(said)}"


def _data(issuer: Issuer) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(issuer)
    return data
