"""Given, when, then: how a decider is specified, in tests and in documentation.

    given(CATALOG, ResourcePut(studio)).when(RetireResource("studio"), at=noon).then(ResourceRetired("studio"))
    given(CATALOG).when(RetireResource("studio")).then_refused("unknown_resource")
    given(CATALOG, ResourcePut(studio)).when(ListResources()).then_nothing(reply={"resources": [studio]})

What came before may have come at several instants: `given(D, A(), at=1).given(B(), at=5)`. After `when`, any of
`then`, `then_refused`, `then_nothing`, `replies` and `wakes_at` may follow one another.

Each use also proves what the runtime takes for granted of every decider, whether the test asks for it or not:
`decide` changes nothing and says the same twice; commands, facts, answers and states survive being written and
read; and the facts that were read back lead to the same state as the ones that were decided.

An expectation that isn't met is an `AssertionError` that shows all four: given, when, expected, got. A test that
asks for what cannot be (another kind's fact, a refusal without a code) is a `TypeError`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any, Final, Generic, NoReturn, TypeAlias, TypeVar

import msgspec

from actors.decider import Command, Decider, Decision, Refusal, Tick
from events.clock import Instant
from events.codec import canonical, read_back
from events.commit import GENESIS, Decided, encode
from events.facts import Fact

S = TypeVar("S")
C = TypeVar("C", bound=Command)
F = TypeVar("F", bound=Fact)
P = TypeVar("P")

Past: TypeAlias = tuple[tuple[F, Instant], ...]

ACTOR: Final = "spec.actor"
"""What a specification's actor is called, unless the test gives it a name."""


def given(decider: Decider[S, C, F, P], *facts: F, at: Instant = 0, actor: str = ACTOR) -> Given[S, C, F, P]:
    """An actor of this kind to which these facts happened, all of them at `at`."""
    if not isinstance(decider, Decider):
        raise TypeError(f"a specification begins with a decider, not with {decider!r}")
    return Given(decider, actor, (), at).given(*facts, at=at)


class Given(Generic[S, C, F, P]):
    """What came before."""

    def __init__(self, decider: Decider[S, C, F, P], actor: str, past: Past[F], at: Instant) -> None:
        self._decider: Final = decider
        self._actor: Final = actor
        self._past: Final = past
        self._at: Final = at

    def given(self, *facts: F, at: Instant) -> Given[S, C, F, P]:
        """And then, at `at`, these facts too."""
        _check_instant(at, self._at)
        _check_facts(self._decider, facts)
        return Given(self._decider, self._actor, (*self._past, *((fact, at) for fact in facts)), at)

    def when(self, command: C | Tick, *, at: Instant | None = None, policy: P | None = None) -> Outcome[S, C, F, P]:
        """The command comes at `at`, or at the instant of the last facts; under `policy`, or the kind's own."""
        decider = self._decider
        if not isinstance(command, decider.accepted):
            raise TypeError(f"{command!r} is no command of the kind {decider.kind!r}")
        at = self._at if at is None else at
        _check_instant(at, self._at)
        return Outcome(decider, self._actor, self._past, command, at, decider.policy if policy is None else policy)

    def state(self) -> S:
        """The state that the past leads to, a new one each time; for what only a look inside can tell."""
        return _evolved(self._decider, self._actor, self._past, "nothing")


class Outcome(Generic[S, C, F, P]):
    """What came of the command, and what is expected of it."""

    def __init__(
        self, decider: Decider[S, C, F, P], actor: str, past: Past[F], command: C | Tick, at: Instant, policy: P
    ) -> None:
        self._decider: Final = decider
        self._past: Final = past
        self._when: Final = f"{command!r} at {at}"
        before = _evolved(decider, actor, past, "nothing")
        self._got: Final = self._decide_twice(before, self._sent(command), at, policy)
        facts = self._got.facts if isinstance(self._got, Decision) else ()
        self._state: Final = _evolved(decider, actor, (*past, *((fact, at) for fact in facts)), self._when)

    @property
    def facts(self) -> tuple[F, ...]:
        """What became true; an `AssertionError` when the command was refused."""
        if not isinstance(self._got, Decision):
            self._fail("accepted", _shown(self._got))
        return self._got.facts

    def then(self, *facts: F) -> Outcome[S, C, F, P]:
        """Exactly these facts become true, in this order."""
        if not facts:
            raise TypeError("then(…) says which facts; for none there is then_nothing()")
        _check_facts(self._decider, facts)
        if not isinstance(self._got, Decision) or self._got.facts != facts:
            self._fail(_lines(facts), _shown(self._got))
        return self

    def then_refused(self, code: str) -> Outcome[S, C, F, P]:
        """The command is refused, by the rule with this code."""
        if not isinstance(code, str):
            raise TypeError(f"a refusal is expected by its code, not by {code!r}")
        if not isinstance(self._got, Refusal) or self._got.code != code:
            self._fail(f"refused: {code}", _shown(self._got))
        return self

    def then_nothing(self, *, reply: Any = msgspec.UNSET) -> Outcome[S, C, F, P]:
        """The command is accepted and nothing becomes true; and it is answered so, if said."""
        if not isinstance(self._got, Decision) or self._got.facts:
            self._fail("accepted, without facts", _shown(self._got))
        return self if reply is msgspec.UNSET else self.replies(reply)

    def replies(self, reply: Any) -> Outcome[S, C, F, P]:
        """The command is accepted and answered so: the same when written down, as the asker gets to see it."""
        if not isinstance(self._got, Decision) or canonical(self._got.reply) != canonical(reply):
            self._fail(f"accepted, with the reply {reply!r}", _shown(self._got))
        return self

    def keeps(self, lease: str, until: Instant) -> Outcome[S, C, F, P]:
        """What has this id is kept alive until then, and nothing is written for it."""
        kept = self._got.leases.get(lease) if isinstance(self._got, Decision) and self._got.leases else None
        if kept != until:
            self._fail(f"{lease!r} kept alive until {until}", f"until {kept}")
        return self

    def wakes_at(self, instant: Instant | None) -> Outcome[S, C, F, P]:
        """After all this the actor wants a Tick at that instant; or none."""
        wake = self._decider.wake(self._state)
        if wake != instant:
            self._fail(f"a wake at {instant}", f"a wake at {wake}")
        return self

    def _sent(self, command: C | Tick) -> C:
        """The command as it arrives."""
        arrived = self._decider.read_command(canonical(command))
        if arrived != command:
            self._fail("a command that arrives as it was sent", f"{arrived!r}")
        return arrived

    def _decide_twice(self, state: S, command: C, at: Instant, policy: P) -> Decision[F] | Refusal:
        before = canonical(state)
        got = self._decider.decide(state, command, at, policy)
        if not isinstance(got, Decision | Refusal):
            self._fail("a Decision or a Refusal", f"{got!r}")
        if canonical(state) != before:
            self._fail(f"a decide that leaves the state alone: {before.decode()}", canonical(state).decode())
        again = self._decider.decide(state, command, at, policy)
        if again != got:
            self._fail(f"a decide that says the same twice: {_shown(got)}", _shown(again))
        try:
            canonical(got)
        except (TypeError, ValueError, OverflowError) as error:
            self._fail(f"an answer that can be written: {error}", _shown(got))
        return got

    def _fail(self, expected: str, got: str) -> NoReturn:
        __tracebackhide__ = True
        _fail(self._past, self._when, expected, got)


def _evolved(decider: Decider[S, Any, F, Any], actor: str, past: Past[F], when: str) -> S:
    """The state after `past`: of the facts as decided, and as read back from the log, which must come to the same."""
    as_decided, as_read = decider.initial(actor), decider.initial(actor)
    for fact, at in past:
        try:
            body = encode(actor, at, GENESIS, [Decided("spec", "spec", at, (fact,), msgspec.Raw(b"null"))])
            read = decider.facts.read(body).decided[0].facts[0]
        except (TypeError, ValueError, OverflowError) as error:
            _fail(past, when, f"a fact that survives the log: {fact!r}", str(error))
        if read != fact:
            _fail(past, when, f"a fact that survives the log: {fact!r}", f"{read!r}")
        as_decided, as_read = decider.evolve(as_decided, fact, at), decider.evolve(as_read, read, at)
    written = canonical(as_decided)
    if canonical(as_read) != written:
        _fail(past, when, f"the same state from facts that were read: {written.decode()}", canonical(as_read).decode())
    again = canonical(read_back(written, decider.state))
    if again != written:
        _fail(past, when, f"a state that survives the shelf: {written.decode()}", again.decode())
    return as_decided


def _check_instant(at: Instant, not_before: Instant) -> None:
    if not isinstance(at, int):
        raise TypeError(f"an instant is a whole number of milliseconds, not {at!r}")
    if at < not_before:
        raise TypeError(f"time runs forward: {at} is before {not_before}")


def _check_facts(decider: Decider[Any, Any, Any, Any], facts: tuple[Fact, ...]) -> None:
    for fact in facts:
        if not isinstance(fact, decider.facts.current):
            raise TypeError(f"{fact!r} is no fact of the kind {decider.kind!r}")


def _shown(got: Decision[Any] | Refusal) -> str:
    if isinstance(got, Refusal):
        return f"refused: {got.code} ({got.detail})"
    return f"{_lines(got.facts) or 'accepted, without facts'}\nwith the reply {got.reply!r}"


def _lines(records: Iterable[object]) -> str:
    return "\n".join(repr(record) for record in records)


def _fail(past: Past[Any], when: str, expected: str, got: str) -> NoReturn:
    __tracebackhide__ = True
    before = "\n".join(f"{fact!r} at {at}" for fact, at in past) or "nothing"
    told = (("given", before), ("when", when), ("expected", expected), ("got", got))
    raise AssertionError("".join("\n" + textwrap.indent(f"{name:<9} {text}", " " * 10).strip() for name, text in told))
