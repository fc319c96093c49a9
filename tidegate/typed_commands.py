"""Commands as people type them: `put_resource id=studio time_zone=Europe/Berlin capacity=2`, or as JSON.

Everything follows from the command types of the kinds that exist: names, fields, types, and what is wrong with what was
typed. Nothing is guessed: an unknown word, a wrong type or a missing field is an error that names what would fit.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, NoReturn

import msgspec

from actors.decider import AnyDecider, Command
from actors.kinds import KINDS
from events.errors import BadName, TidegateError
from events.names import actor_name, is_actor, kind_of


class BadCommand(TidegateError):
    """What was typed spells no command."""

    code = "bad_command"
    next_step = "`tidegate commands` lists every command with its fields"


class Known(msgspec.Struct, frozen=True):
    """One command that exists."""

    kind: str
    name: str
    type: type[Command]

    @property
    def meaning(self) -> str:
        """The first sentence of its docstring."""
        text = " ".join((self.type.__doc__ or "").split())
        return text.partition(". ")[0].rstrip(".") + "." if text else ""

    @property
    def fields(self) -> tuple[msgspec.structs.FieldInfo, ...]:
        return msgspec.structs.fields(self.type)

    @property
    def usage(self) -> str:
        """Its name and fields as they are typed."""
        return " ".join((self.name, *(_usage(field) for field in self.fields)))


def known(kinds: Mapping[str, AnyDecider] = KINDS) -> Iterator[Known]:
    """Every command of every kind, by kind and in the order in which the kind lists them."""
    for kind in sorted(kinds):
        for type_ in kinds[kind].commands:
            yield Known(kind, str(type_.__struct_config__.tag), type_)


def spoken(text: str, org: str, kinds: Mapping[str, AnyDecider] = KINDS) -> tuple[str, Command]:
    """`[ACTOR] COMMAND [FIELD=VALUE…]` in one string, quoted as a shell would; the actor, and the command for it."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadCommand(f"{text!r}: {error}") from error
    if words and is_actor(words[0]):
        return words[0], parse(words[1:], words[0], kinds)
    return actor_for(words, org, kinds), parse(words, None, kinds)


def actor_for(words: Sequence[str], org: str, kinds: Mapping[str, AnyDecider] = KINDS) -> str:
    """The organisation's own actor of the kind that knows this command: for kinds that have one per organisation."""
    name = _name(words)
    of_kinds = [one.kind for one in known(kinds) if one.name == name]
    if len(of_kinds) > 1:
        raise BadCommand(f"{name} is known to several kinds ({', '.join(of_kinds)}): name the actor with --actor")
    if not of_kinds:
        _unknown(name, kinds)
    decider = kinds[of_kinds[0]]
    if decider.parts:
        raise BadCommand(f"{name} wants to know whom it is for: name the actor, {decider.spelling}, with --actor")
    return actor_name(org, decider.kind)


def parse(words: Sequence[str], actor: str | None, kinds: Mapping[str, AnyDecider] = KINDS) -> Command:
    """The command that the words spell, for this actor if one is named."""
    name = _name(words)
    if actor is not None:
        if not is_actor(actor):
            raise BadName(f"{actor!r} is not the name of an actor: <org>.<kind>[.<part>…]")
        if kind_of(actor) not in kinds:
            raise BadCommand(f"there are no actors of the kind {kind_of(actor)!r}{_close(kind_of(actor), kinds)}")
        if not kinds[kind_of(actor)].names(actor):
            raise BadName(f"{actor!r} is not the name of an actor: {kinds[kind_of(actor)].spelling}")
        kinds = {kind_of(actor): kinds[kind_of(actor)]}
    found = next((one for one in known(kinds) if one.name == name), None)
    if found is None:
        _unknown(name, kinds)
    if words[0].lstrip().startswith("{"):
        if len(words) > 1:
            raise BadCommand("a command in JSON stands alone")
        return _convert(lambda: kinds[found.kind].read_command(words[0].encode()), found)
    values = _values(found, words[1:])
    return _convert(lambda: msgspec.convert({"command": name, **values}, found.type), found)


def _name(words: Sequence[str]) -> str:
    if not words:
        raise BadCommand("no command is named")
    if not words[0].lstrip().startswith("{"):
        return words[0]
    try:
        tag = msgspec.json.decode(words[0].encode(), type=dict[str, Any]).get("command")
    except msgspec.DecodeError as error:
        raise BadCommand(f"the command is not JSON: {error}") from error
    if not isinstance(tag, str):
        raise BadCommand('a command in JSON has its name in the field "command"')
    return tag


def _values(found: Known, words: Iterable[str]) -> dict[str, Any]:
    fields = {field.name: field for field in found.fields}
    values: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise BadCommand(f"{word!r}: fields are given as name=value; {found.usage}")
        if name not in fields:
            raise BadCommand(f"{found.name} has no field {name!r}{_close(name, fields)}; {found.usage}")
        if name in values:
            raise BadCommand(f"{name} is given twice")
        values[name] = _value(word, text, fields[name].type)
    missing = [field.name for field in fields.values() if field.required and field.name not in values]
    if missing:
        raise BadCommand(f"{found.name} needs {' and '.join(missing)}; {found.usage}")
    return values


def _value(word: str, text: str, wanted: Any) -> Any:
    """The text as it stands where text is wanted; as a number or a truth value; or as JSON."""
    try:
        return msgspec.convert(text, wanted, strict=False)
    except msgspec.ValidationError as error:
        try:
            return msgspec.json.decode(text.encode(), type=wanted)
        except msgspec.DecodeError as as_json:
            if text.lstrip().startswith(("[", "{")):  # it was meant as JSON, and what is wrong with it lies inside
                raise BadCommand(f"{word}: {_sentence(as_json)}") from as_json
            raise BadCommand(f"{word}: {type_name(wanted)} is wanted; {_sentence(error)}") from error


def _convert(make: Callable[[], Command], found: Known) -> Command:
    try:
        return make()
    except msgspec.DecodeError as error:
        raise BadCommand(f"{found.name}: {_sentence(error)}; {found.usage}") from error


def _unknown(name: str, kinds: Mapping[str, AnyDecider]) -> NoReturn:
    raise BadCommand(f"there is no command {name!r}{_close(name, [one.name for one in known(kinds)])}")


def _close(name: str, names: Iterable[str]) -> str:
    close = get_close_matches(name, list(names), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _sentence(error: Exception) -> str:
    return str(error).replace("`", "").rstrip(".")


_MODULES: Final = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Z])")
_WORDS: Final = {"str": "text", "int": "a number", "float": "a decimal number", "bool": "true or false"}


def type_name(wanted: Any) -> str:
    """A type in a word or two, for people."""
    name = getattr(wanted, "__name__", None) if isinstance(wanted, type) else None
    return _WORDS.get(name or "", name or _MODULES.sub("", str(wanted)))


def _usage(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return f"{field.name}=<{type_name(field.type)}>"
    default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    spelled = default if isinstance(default, str) and default else msgspec.json.encode(default).decode()
    return f"[{field.name}={spelled}]"
