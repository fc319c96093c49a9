"""The given/when/then kit fails when it should, says what it saw, and passes otherwise."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import msgspec
import pytest

from actors.decider import TICK, Command, Decider, Decision, Refusal
from actors.specification import Given, given
from events.clock import Instant
from events.facts import Fact, FactSet


class PutIn(Command, frozen=True):
    coins: int


class LookInside(Command, frozen=True):
    pass


class CoinsPutIn(Fact, frozen=True):
    coins: int


class RingsAt(Fact, frozen=True):
    instant: Instant


class Stranger(Fact, frozen=True):
    pass


class Jar(msgspec.Struct):
    coins: int = 0
    rings_at: Instant | None = None


JarFact: TypeAlias = CoinsPutIn | RingsAt


def decide(jar: Jar, command: Command, at: Instant, most: int) -> Decision[JarFact] | Refusal:
    match command:
        case PutIn(coins) if jar.coins + coins > most:
            return Refusal("jar_full", f"at most {most} fit")
        case PutIn(coins):
            return Decision((CoinsPutIn(coins), RingsAt(at + 10)), {"coins": jar.coins + coins})
    return Decision(reply={"coins": jar.coins})


def evolve(jar: Jar, fact: JarFact, at: Instant) -> Jar:
    match fact:
        case CoinsPutIn(coins):
            jar.coins += coins
        case RingsAt(instant):
            jar.rings_at = instant
    return jar


JarDecider: TypeAlias = Decider[Jar, Command, JarFact, int]

JAR: JarDecider = Decider(
    kind="jar",
    commands=(PutIn, LookInside),
    facts=FactSet[JarFact]((CoinsPutIn, RingsAt)),
    state=Jar,
    initial=lambda _actor: Jar(),
    decide=decide,
    evolve=evolve,
    policy=100,
    wake=lambda jar: jar.rings_at,
)


def fails(check: Callable[[], object]) -> str:
    with pytest.raises(AssertionError) as failure:
        check()
    return str(failure.value)


def full() -> Given[Jar, Command, JarFact, int]:
    return given(JAR, CoinsPutIn(99), at=3)


class TestWhatItChecks:
    def test_what_holds_passes(self) -> None:
        """Every expectation that is met lets the next one be asked."""
        given(JAR, CoinsPutIn(1), at=3).given(CoinsPutIn(2), at=5).when(PutIn(3), at=7).then(
            CoinsPutIn(3), RingsAt(17)
        ).replies({"coins": 6}).wakes_at(17)
        full().when(PutIn(2)).then_refused("jar_full").wakes_at(None)
        full().when(LookInside()).then_nothing(reply={"coins": 99})
        full().when(TICK).then_nothing()
        assert full().state() == Jar(99)

    def test_the_policy_can_be_another(self) -> None:
        """A rule is specified under the policy that the test names, else under the kind's own."""
        given(JAR).when(PutIn(5), policy=4).then_refused("jar_full")
        given(JAR).when(PutIn(5)).then(CoinsPutIn(5), RingsAt(10))

    def test_a_command_comes_at_the_last_instant_unless_said(self) -> None:
        """Without an instant of its own, a command comes when the last facts did."""
        given(JAR, at=40).when(PutIn(5)).then(CoinsPutIn(5), RingsAt(50))

    @pytest.mark.parametrize(
        "check",
        [
            lambda: full().when(PutIn(1)).then(CoinsPutIn(1)),
            lambda: full().when(PutIn(1)).then(RingsAt(13), CoinsPutIn(1)),
            lambda: full().when(PutIn(2)).then(CoinsPutIn(2), RingsAt(13)),
            lambda: full().when(LookInside()).then(CoinsPutIn(1)),
            lambda: full().when(PutIn(2)).then_refused("other_rule"),
            lambda: full().when(PutIn(1)).then_refused("jar_full"),
            lambda: full().when(PutIn(1)).then_nothing(),
            lambda: full().when(PutIn(2)).then_nothing(),
            lambda: full().when(LookInside()).then_nothing(reply={"coins": 98}),
            lambda: full().when(LookInside()).then_nothing(reply=None),
            lambda: full().when(PutIn(1)).replies({"coins": 99}),
            lambda: full().when(PutIn(2)).replies({"coins": 101}),
            lambda: full().when(PutIn(1)).wakes_at(14),
            lambda: full().when(PutIn(1)).wakes_at(None),
            lambda: full().when(LookInside()).wakes_at(13),
        ],
    )
    def test_what_does_not_hold_fails(self, check: Callable[[], object]) -> None:
        """Other facts, another order, another code, another answer, another wake: each is a failure."""
        fails(check)

    def test_a_failure_shows_all_of_it(self) -> None:
        """The message has what was given, the command, what was expected and what came."""
        said = fails(lambda: full().given(CoinsPutIn(1), at=4).when(PutIn(2), at=9).then(CoinsPutIn(2)))
        assert said.splitlines() == [
            "",
            "given     CoinsPutIn(coins=99) at 3",
            "          CoinsPutIn(coins=1) at 4",
            "when      PutIn(coins=2) at 9",
            "expected  CoinsPutIn(coins=2)",
            "got       refused: jar_full (at most 100 fit)",
        ]

    def test_a_failure_shows_the_facts_that_came_instead(self) -> None:
        """Facts and reply are shown when a refusal was expected."""
        said = fails(lambda: given(JAR).when(PutIn(2), at=9).then_refused("jar_full"))
        assert said.splitlines() == [
            "",
            "given     nothing",
            "when      PutIn(coins=2) at 9",
            "expected  refused: jar_full",
            "got       CoinsPutIn(coins=2)",
            "          RingsAt(instant=19)",
            "          with the reply {'coins': 2}",
        ]


class TestMisuse:
    @pytest.mark.parametrize(
        "misuse",
        [
            lambda: given(decide),  # type: ignore[arg-type]
            lambda: given(JAR, Stranger()),  # type: ignore[misc]
            lambda: given(JAR, CoinsPutIn),  # type: ignore[misc]
            lambda: given(JAR, CoinsPutIn(1), at="noon"),  # type: ignore[arg-type]
            lambda: given(JAR, CoinsPutIn(1), at=5).given(CoinsPutIn(1), at=4),
            lambda: given(JAR, CoinsPutIn(1), at=5).when(PutIn(1), at=4),
            lambda: given(JAR).when(CoinsPutIn(1)),  # type: ignore[arg-type]
            lambda: given(JAR).when(Command()),
            lambda: given(JAR).when(PutIn(1)).then(),
            lambda: given(JAR).when(PutIn(1)).then(Stranger()),  # type: ignore[arg-type]
            lambda: given(JAR).when(PutIn(1)).then_refused(),  # type: ignore[call-arg]
            lambda: given(JAR).when(PutIn(1)).then_refused(Refusal),  # type: ignore[arg-type]
            lambda: given(replace(JAR, wake=lambda _jar: None)).when(Stranger()),  # type: ignore[arg-type]
        ],
    )
    def test_what_cannot_be_is_a_type_error(self, misuse: Callable[[], object]) -> None:
        """A specification that makes no sense is the test's mistake, not the decider's."""
        with pytest.raises(TypeError):
            misuse()


class TestWhatTheRuntimeTakesForGranted:
    def test_a_decide_that_changes_the_state_is_caught(self) -> None:
        """`decide` answers; whatever it changes would be undone by the next replay."""

        def counts_too_soon(jar: Jar, command: Command, at: Instant, most: int) -> Decision[JarFact] | Refusal:
            jar.coins += 1
            return Decision((CoinsPutIn(1),))

        flawed = replace(JAR, decide=counts_too_soon)
        assert "leaves the state alone" in fails(lambda: given(flawed).when(PutIn(1)))

    def test_a_decide_that_draws_its_own_numbers_is_caught(self) -> None:
        """The same state, command and instant lead to the same decision."""
        draws = itertools.count()

        def draw(jar: Jar, command: Command, at: Instant, most: int) -> Decision[JarFact] | Refusal:
            return Decision((CoinsPutIn(next(draws)),))

        assert "says the same twice" in fails(lambda: given(replace(JAR, decide=draw)).when(PutIn(1)))

    def test_a_decide_that_falls_through_is_caught(self) -> None:
        """Nothing is neither a decision nor a refusal."""

        def forgets(jar: Jar, command: Command, at: Instant, most: int) -> Any:
            return None

        assert "a Decision or a Refusal" in fails(lambda: given(replace(JAR, decide=forgets)).when(PutIn(1)))

    @pytest.mark.parametrize("reply", [object(), "\ud800"])
    def test_an_answer_that_cannot_be_written_is_caught(self, reply: object) -> None:
        """What can't be written can't be sent, nor given again after a crash."""

        def answers(jar: Jar, command: Command, at: Instant, most: int) -> Decision[JarFact] | Refusal:
            return Decision((), reply)

        assert "an answer that can be written" in fails(lambda: given(replace(JAR, decide=answers)).when(PutIn(1)))

    @pytest.mark.parametrize("fact", [Stranger(), CoinsPutIn("two")])  # type: ignore[arg-type]
    def test_a_fact_that_the_log_cannot_give_back_is_caught(self, fact: Any) -> None:
        """A fact outside the kind's set, or of another shape than it says, would halt the actor when it is read."""

        def decides(jar: Jar, command: Command, at: Instant, most: int) -> Decision[JarFact] | Refusal:
            return Decision((fact,))

        def takes_anything(jar: Jar, fact: JarFact, at: Instant) -> Jar:
            return jar

        flawed = replace(JAR, decide=decides, evolve=takes_anything)
        assert "survives the log" in fails(lambda: given(flawed).when(PutIn(1)))

    def test_a_fact_that_is_read_as_another_is_caught(self) -> None:
        """Reading may not change a current fact: an upcast from the newest version to itself is a mistake."""
        facts = FactSet[JarFact]((CoinsPutIn, RingsAt), upcasts={CoinsPutIn: lambda fact: RingsAt(fact.coins)})
        flawed = replace(JAR, facts=facts)
        assert "survives the log" in fails(lambda: given(flawed, CoinsPutIn(4)).when(LookInside()))

    def test_an_evolve_that_tells_objects_apart_is_caught(self) -> None:
        """A state may hang on what a fact says, not on which object says it: a reader gets others."""
        known = CoinsPutIn(1)

        def by_identity(jar: Jar, fact: JarFact, at: Instant) -> Jar:
            jar.coins += 1 if fact is known else 2
            return jar

        flawed = replace(JAR, evolve=by_identity)
        assert "the same state from facts that were read" in fails(lambda: given(flawed, known).when(LookInside()))

    def test_a_state_that_the_shelf_cannot_give_back_is_caught(self) -> None:
        """A snapshot brings back the whole state."""

        class Forgetful(msgspec.Struct):
            coins: int | str = 0

            def __post_init__(self) -> None:
                self.coins = 0

        def counts(jar: Forgetful, fact: JarFact, at: Instant) -> Forgetful:
            jar.coins = 7
            return jar

        flawed: Decider[Forgetful, Command, JarFact, int] = Decider(
            "jar", (PutIn,), JAR.facts, Forgetful, lambda _: Forgetful(), lambda *_: Decision(), counts, 0
        )
        assert "survives the shelf" in fails(lambda: given(flawed, CoinsPutIn(1)).when(PutIn(1)))

    def test_a_command_that_arrives_as_another_is_caught(self) -> None:
        """Commands travel: what `decide` gets is what was read, and it must be what was sent."""

        class Vague(Command, frozen=True):
            things: Any

        flawed = replace(JAR, commands=(Vague,))
        assert "arrives as it was sent" in fails(lambda: given(flawed).when(Vague((1, 2))))
