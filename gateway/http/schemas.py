"""What the description says of our own types, where Litestar has it wrong or has nothing to say.

What a struct and its fields mean stands in the code, in docstrings below them, and is told from there: so it is said
once, to whoever reads the code and to whoever only reads the description.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from functools import cache
from inspect import cleandoc, getsource
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import msgspec
from litestar._openapi.schema_generation.plugins.struct import StructSchemaPlugin
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition

from events.access import Issuer
from events.catalog import EventType, Resource, Schedule
from events.room import RoomSettings
from gateway.http.examples import example_of
from gateway.operations.access import IssuerWanted
from gateway.operations.offerings import EventTypeWanted, ResourceWanted, ScheduleWanted
from gateway.operations.rooms import RoomShown, RoomWanted

if TYPE_CHECKING:
    from litestar._openapi.schema_generation import SchemaCreator

_AS_IN: Final[Mapping[type, type]] = {
    EventTypeWanted: EventType,
    IssuerWanted: Issuer,
    ResourceWanted: Resource,
    RoomShown: RoomSettings,
    RoomWanted: RoomSettings,
    ScheduleWanted: Schedule,
}
"""Whose fields mean what those of the same name mean there."""


class Sequences(OpenAPISchemaPlugin):
    """`tuple[X, ...]` is a list of X. Where its length is bounded as well, Litestar takes the dots for another type,
    anything, of which every X is one too: then no item is of exactly one of the two."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        return any(inner.annotation is Ellipsis for inner in field_definition.inner_types)

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:
        items = schema_creator.for_field_definition(field_definition.inner_types[0])
        return Schema(type=OpenAPIType.ARRAY, items=items)


class Structs(StructSchemaPlugin):
    """As Litestar has it, with what each field means, and an example."""

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:
        schema = super().to_openapi_schema(field_definition, schema_creator)
        struct = field_definition.annotation
        schema.description = schema.description or _told_of(struct)
        meanings, example = meanings_of(struct), example_of(struct)
        for field in msgspec.structs.fields(struct):
            of_it = (schema.properties or {})[field.encode_name]
            of_it.description = of_it.description or meanings.get(field.name)
            value = None if example is None else example.get(field.encode_name)
            if isinstance(of_it, Schema) and not of_it.examples and value not in _SAYS_NOTHING:
                of_it.examples = [_written(value)]
        if example is not None:
            schema.examples = [_written(example)]
        return schema


_SAYS_NOTHING: Final[tuple[Any, ...]] = (None, "", [], {})


def _written(value: Any) -> Any:
    """As Litestar leaves it alone: it would take away what is null."""
    return msgspec.Raw(msgspec.json.encode(value))


def _told_of(struct: type) -> str | None:
    """What is said of it and of what it is made from."""
    made = [one for one in reversed(struct.__mro__) if issubclass(one, msgspec.Struct) and one is not msgspec.Struct]
    return " ".join(said for one in made if (said := _said(one.__doc__))) or None


def meanings_of(struct: type) -> dict[str, str]:
    """What is said of its fields, and of those that it has from others."""
    found = dict(meanings_of(_AS_IN[struct])) if struct in _AS_IN else {}
    for one in reversed(struct.__mro__):
        if one is not struct and one in _AS_IN:
            found |= meanings_of(one)
        if issubclass(one, msgspec.Struct) and one is not msgspec.Struct:
            found |= _meanings_in(one.__module__).get(one.__name__, {})
    return found


@cache
def _meanings_in(module: str) -> dict[str, dict[str, str]]:
    """By class and field, what stands below each field."""
    classes = [one for one in ast.parse(getsource(sys.modules[module])).body if isinstance(one, ast.ClassDef)]
    found: dict[str, dict[str, str]] = {one.name: {} for one in classes}
    for one in classes:
        for above, below in pairwise(one.body):
            match above, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[one.name][name] = _said(text) or ""
    return found


def _said(text: str | None) -> str | None:
    """A docstring, with its lines as long as they get."""
    return None if text is None else "\n\n".join(" ".join(one.split()) for one in cleandoc(text).split("\n\n"))
