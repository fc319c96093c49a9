"""Facts: frozen typed records in the past tense, each with a stable name and a version.

A fact is written under its tag, `<Name>.<version>`. When its shape must change, the old record stays in the
code under its old tag, the new one takes the next version, and a function `upcast_v1_v2` turns one into the
other *when it is read*. No stored byte is ever rewritten.

    class SlotsTaken(Fact, tag="SlotsTaken.2"): ...
    class SlotsTakenV1(Fact, tag="SlotsTaken.1"): ...
    FACTS = FactSet((SlotsTaken,), upcasts={SlotsTakenV1: upcast_v1_v2})

Fields that hold personal data are annotated `Personal`; logs and labels redact by that mark (`redacted`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from events.commit import Commit

PERSONAL: Final = "personal"
REDACTED: Final = "·····"

Personal: TypeAlias = Annotated[str, msgspec.Meta(extra={PERSONAL: True})]
"""Text about a person: shown redacted wherever it is not needed."""


class Fact(
    msgspec.Struct, frozen=True, gc=False, tag_field="fact", tag=lambda name: f"{name}.1", forbid_unknown_fields=True
):
    """Base of all facts. A subclass without an explicit tag is version 1 of its own name."""


F = TypeVar("F", bound=Fact)
Upcast: TypeAlias = Callable[[Any], Fact]


class FactSet(Generic[F]):
    """All facts that one kind of actor records, of every version that was ever written, and how to read them."""

    def __init__(self, current: tuple[type[F], ...], upcasts: Mapping[type[Fact], Upcast] | None = None) -> None:
        self.current: Final = current
        self._upcasts: Final = dict(upcasts or {})
        every = (*current, *self._upcasts)
        self._decoder: Final[msgspec.json.Decoder[Commit[Any]]] = msgspec.json.Decoder(
            Commit[Union[every]]  # type: ignore[valid-type]  # a union made from a tuple at run time
        )

    def read(self, body: bytes) -> Commit[F]:
        """The commit that `body` spells, every fact in its newest version; `msgspec.DecodeError` or
        `UnicodeDecodeError` when it spells none."""
        commit = self._decoder.decode(body)
        if not self._upcasts:
            return commit
        decided = tuple(
            msgspec.structs.replace(one, facts=tuple(self._newest(fact) for fact in one.facts))
            for one in commit.decided
        )
        return msgspec.structs.replace(commit, decided=decided)

    def _newest(self, fact: Fact) -> Fact:
        while (upcast := self._upcasts.get(type(fact))) is not None:
            fact = upcast(fact)
        return fact


def redacted(record: msgspec.Struct) -> dict[str, Any]:
    """`record` as plain data for logs and screens, with what is personal left out, however deep it sits."""
    return plain(record, personal=False)


def plain(
    record: msgspec.Struct, *, personal: bool, without: Mapping[type, Collection[str]] = MappingProxyType({})
) -> dict[str, Any]:
    """`record` as plain data, by the names of its fields, however it is written. What is personal is only shown where
    it is said to be; `without` these fields, of these types, nobody is shown them at all."""
    said: dict[str, Any] = {}
    kind = type(record)
    config, left_out = kind.__struct_config__, without.get(kind, ())
    if config.tag_field is not None:
        said[config.tag_field] = config.tag
    for name, hint, is_personal in _fields(kind):
        if name in left_out:
            continue
        value = getattr(record, name)
        hides = is_personal and not personal
        said[name] = _without(value, hint) if hides else _plain_value(value, personal, without)
    return said


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, Any, bool], ...]:
    """The names of a record's fields, what they are declared as, and whether they are personal."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple((name, hints[name], _is_personal(hints[name])) for name in kind.__struct_fields__)


def _without(value: Any, hint: Any) -> Any:
    """That there is something, and no more; of a mapping whose keys are not personal, which they are."""
    if get_origin(hint) is dict and not _is_personal(get_args(hint)[0]):
        return dict.fromkeys(value, REDACTED)
    return REDACTED if value else value


def _plain_value(value: Any, personal: bool, without: Mapping[type, Collection[str]]) -> Any:
    if isinstance(value, msgspec.Struct):
        return plain(value, personal=personal, without=without)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain_value(item, personal, without) for item in value]
    if isinstance(value, dict):
        return {key: _plain_value(item, personal, without) for key, item in value.items()}
    if isinstance(value, msgspec.Raw):
        return REDACTED if len(value) else None  # not read, so nobody knows what is personal in it
    return msgspec.to_builtins(value)


def _is_personal(hint: Any) -> bool:
    metas = getattr(hint, "__metadata__", ())
    if any(isinstance(meta, msgspec.Meta) and (meta.extra or {}).get(PERSONAL) for meta in metas):
        return True
    return any(_is_personal(part) for part in getattr(hint, "__args__", ()))
