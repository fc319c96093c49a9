"""From JSON to frozen dataclasses, by the types of their fields.

What is not known is passed over, so a gateway may say more than this version knows of. What is missing has its
default, or is a `Misread`: a gateway that leaves out what was promised is none that one can talk to.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


class Misread(Exception):
    """An answer that is not what it should be."""


def read(kind: Any, value: Any) -> Any:
    """`value`, as JSON has it, as one of that kind."""
    origin = get_origin(kind)
    if kind is Any or origin is Literal or (origin is None and kind in {str, bool, int, NoneType}):
        return value
    if kind is float:
        return float(value)
    if origin in {Union, UnionType}:
        if value is None:
            return None
        (one,) = (each for each in get_args(kind) if each is not NoneType)
        return read(one, value)
    if origin is tuple:
        return tuple(read(get_args(kind)[0], one) for one in value)
    if origin in {dict, Mapping}:
        return {key: read(get_args(kind)[1], one) for key, one in value.items()}
    if is_dataclass(kind):
        return _record(kind, value)
    if issubclass(kind, tuple):  # a named one is written as a list
        return kind(*value)
    raise TypeError(f"nothing is read as {kind}")


def _record(kind: Any, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise Misread(f"{kind.__name__} is no {type(value).__name__}")
    said = {}
    for name, spelled, hint, needed in _fields(kind):
        if spelled in value:
            said[name] = read(hint, value[spelled])
        elif needed:
            raise Misread(f"{kind.__name__} has no {spelled!r}")
    return kind(**said)


@lru_cache(maxsize=256)
def _fields(kind: Any) -> tuple[tuple[str, str, Any, bool], ...]:
    """Of each field its name, how that is written in JSON, its type, and whether it has to be there."""
    hints = get_type_hints(kind, vars(sys.modules[kind.__module__]))
    return tuple(
        (one.name, one.name.removesuffix("_"), hints[one.name],
         one.default is MISSING and one.default_factory is MISSING)
        for one in fields(kind)
    )  # fmt: skip
