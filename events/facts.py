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

from collections.abc import Callable, Mapping
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
    plain: dict[str, Any] = {}
    hints = get_type_hints(type(record), include_extras=True)
    config = type(record).__struct_config__
    if config.tag_field is not None:
        plain[config.tag_field] = config.tag
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if _is_personal(hints[name]):
            plain[name] = _without(value, hints[name])
        else:
            plain[name] = _redacted_value(value)
    return plain


def _without(value: Any, hint: Any) -> Any:
    """That there is something, and no more; of a mapping whose keys are not personal, which they are."""
    if get_origin(hint) is dict and not _is_personal(get_args(hint)[0]):
        return dict.fromkeys(value, REDACTED)
    return REDACTED if value else value


def _redacted_value(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return redacted(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_redacted_value(item) for item in value]
    if isinstance(value, dict):
        return {key: _redacted_value(item) for key, item in value.items()}
    if isinstance(value, msgspec.Raw):
        return REDACTED if len(value) else None  # not read, so nobody knows what is personal in it
    return msgspec.to_builtins(value)


def _is_personal(hint: Any) -> bool:
    metas = getattr(hint, "__metadata__", ())
    if any(isinstance(meta, msgspec.Meta) and (meta.extra or {}).get(PERSONAL) for meta in metas):
        return True
    return any(_is_personal(part) for part in getattr(hint, "__args__", ()))
