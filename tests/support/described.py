"""The description of the interface, as anybody gets it, and what it says of one thing.

    placing = operation("POST", "/v1/{org}/holds")
    assert faults(placing.told(201), answer.json()) == []

Faults are found by a validator of somebody else's, who knows nothing of us.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import jsonschema_rs
import msgspec

from gateway.http.app import application
from gateway.http.operating import Operating


@cache
def document() -> dict[str, Any]:
    nobody: Any = object()  # nobody is asked
    how: Operating = nobody
    written = msgspec.json.encode(application(nobody, how=how).openapi_schema.to_schema())
    said: dict[str, Any] = msgspec.json.decode(written)
    return said


class Operation(NamedTuple):
    method: str
    path: str
    said: dict[str, Any]

    @property
    def heeds(self) -> set[str]:
        """Headers of the request, in small letters."""
        return {one["name"].lower() for one in self.said.get("parameters", ()) if one["in"] == "header"}

    @property
    def done(self) -> dict[int, dict[str, Any]]:
        """What is answered when it isn't refused, by status."""
        return {int(status): one for status, one in self.said["responses"].items() if status[0] in "23"}

    def sends(self, status: int) -> set[str]:
        """Headers of that answer, in small letters."""
        return {name.lower() for name in self.done[status].get("headers", ())}

    def told(self, status: int) -> Any:
        """The schema of that answer; none, without a body."""
        return _json(self.done[status])

    @property
    def asked(self) -> Any:
        """The schema of the body, if there is to be one."""
        return _json(self.said.get("requestBody", {}))


def _json(of: dict[str, Any]) -> Any:
    return of.get("content", {}).get("application/json", {}).get("schema")


def operations() -> list[Operation]:
    return [
        Operation(method.upper(), path, said)
        for path, methods in document()["paths"].items()
        for method, said in methods.items()
    ]


def operation(method: str, path: str) -> Operation:
    return Operation(method, path, document()["paths"][path][method.lower()])


def faults(schema: Any, value: Any) -> list[str]:
    """What is wrong with a value, by the schema that it should have."""
    whole = {"allOf": [schema], "components": document()["components"]}
    return [error.message for error in jsonschema_rs.Draft202012Validator(whole).iter_errors(value)]


def parts(of: Any = None, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Everything that the document consists of, and where it stands."""
    of = document() if of is None else of
    yield at, of
    within = of.items() if isinstance(of, dict) else enumerate(of) if isinstance(of, list) else ()
    for name, one in within:
        if one is not None:
            yield from parts(one, (*at, str(name)))
