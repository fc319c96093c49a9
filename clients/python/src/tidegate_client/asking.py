"""Operations, said once for whoever asks: a blocking client, one that awaits, a socket.

An operation makes an `Ask`: what to send, and what the answer is read as. Taken from somebody who asks, it is a method
of theirs: it blocks and answers, or it is awaited, by who they are.

    class Reads:
        @operation
        def resource(self, id: str) -> Ask[Resource]:
            return Ask("GET", f"/resources/{id}", Resource)

    client.resource("studio")               # of a `AsksNow`: a Resource
    await client.resource("studio")         # of a `AsksLater`: the same
    client.resource.ask("studio")           # the Ask itself
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import update_wrapper
from typing import Any, Concatenate, Final, Generic, ParamSpec, Protocol, TypeVar, cast, overload
from urllib.parse import quote

from tidegate_client.reading import read

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Ask(Generic[T]):
    """`path` is what stands behind `/v1/<org>`. What can be asked for over a socket as well has the name of its
    `command`, and `args`."""

    method: str
    path: str
    kind: Any
    """What the answer is read as."""
    body: Mapping[str, Any] | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    args: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_write(self) -> bool:
        return self.method != "GET"

    def read(self, answer: Any) -> T:
        return cast("T", read(self.kind, answer))


class AsksNow(Protocol):
    def do(self, ask: Ask[T]) -> T: ...


class AsksLater(Protocol):
    async def do_later(self, ask: Ask[T]) -> T: ...


class Now(Generic[P, T]):
    """An operation of somebody who blocks until it is answered."""

    def __init__(self, one: AsksNow, make: Callable[Concatenate[Any, P], Ask[T]]) -> None:
        self._one: Final = one
        self._make: Final = make
        update_wrapper(self, make)

    def ask(self, *args: P.args, **about: P.kwargs) -> Ask[T]:
        return self._make(self._one, *args, **about)

    def __call__(self, *args: P.args, **about: P.kwargs) -> T:
        return self._one.do(self.ask(*args, **about))


class Later(Generic[P, T]):
    """An operation of somebody who awaits the answer."""

    def __init__(self, one: AsksLater, make: Callable[Concatenate[Any, P], Ask[T]]) -> None:
        self._one: Final = one
        self._make: Final = make
        update_wrapper(self, make)

    def ask(self, *args: P.args, **about: P.kwargs) -> Ask[T]:
        return self._make(self._one, *args, **about)

    def __call__(self, *args: P.args, **about: P.kwargs) -> Coroutine[Any, Any, T]:
        return self._one.do_later(self.ask(*args, **about))


class operation(Generic[P, T]):  # noqa: N801  # it is written as a decorator
    def __init__(self, make: Callable[Concatenate[Any, P], Ask[T]]) -> None:
        self._make: Final = make
        self.__doc__ = make.__doc__

    def of(self, *args: P.args, **about: P.kwargs) -> Ask[T]:
        """What anybody would send."""
        return self._make(None, *args, **about)

    @overload
    def __get__(self, one: AsksNow, owner: Any = None) -> Now[P, T]: ...
    @overload
    def __get__(self, one: AsksLater, owner: Any = None) -> Later[P, T]: ...
    @overload
    def __get__(self, one: None, owner: Any = None) -> operation[P, T]: ...
    def __get__(self, one: Any, owner: Any = None) -> Any:
        if one is None:
            return self
        return (Now if hasattr(one, "do") else Later)(one, self._make)


def part(text: str) -> str:
    """Something that stands in a path."""
    return quote(text, safe="~")


def said(**about: Any) -> dict[str, Any]:
    """What is said of it: what is None is left out."""
    return {name: value for name, value in about.items() if value is not None}
