"""A cell: one live actor, single-threaded by construction. No waiting happens here.

Letters (commands that want an answer) gather in the mailbox. A *turn* takes all that waits, bounded, decides one
after another on the evolving state, and drafts one commit. While that commit is in flight the cell is busy and
the next letters gather: so a hot actor commits hundreds of commands per fsync, and a quiet one waits for nobody.

Every answer of a turn waits for the turn's commit, refusals and plain questions too: they were decided on a
state that isn't true until the commit stands. If it doesn't come to stand, the state is thrown away, the
letters go back to the front of the mailbox, and all of it is decided again on what the log says. While it may yet
come to stand, nothing of it is refused: whoever is told no must not find it done.

It is whole in one module because a turn, its commit and what becomes of it change the same few things.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto
from typing import Any, TypeAlias

import msgspec
import structlog

from actors.decider import AnyDecider, Leases, Refusal, Tick, never
from actors.runtime import limits
from actors.runtime.memory import ID_REUSED, SEAL, Memory, unsealed
from actors.runtime.wire import (
    NULL,
    TRACE_HEADER,
    TRACES_PER_COMMIT_MAX,
    UNKNOWN,
    WAKE_HEADER,
    Envelope,
    encode_refusal,
)
from events import limits as ground
from events.clock import Instant
from events.codec import canonical
from events.commit import Decided, encode, hash_of
from events.log import Entry, ExpectAt

log = structlog.get_logger(__name__)


class Phase(Enum):
    COLD = auto()
    """Nothing is remembered, or it is in doubt: the log must be asked first."""
    LOADING = auto()
    READY = auto()
    COMMITTING = auto()
    CLOSED = auto()
    """Promised to a transaction: nothing is decided until it lands, is released, or its lease runs out."""
    RESTING = auto()
    """The log took nothing: it is asked again after a pause, however many letters come meanwhile."""
    HALTED = auto()
    """The log contradicts itself about this actor; it answers nothing but that."""


class Letter:
    """A command in a mailbox. `reply` is where its answer goes, empty for the host's own ticks."""

    __slots__ = ("deadline", "envelope", "reply", "trace")

    def __init__(self, envelope: Envelope, reply: str, deadline: float, trace: str = "") -> None:
        self.envelope = envelope
        self.reply = reply
        self.deadline = deadline
        self.trace = trace


class Request:
    """A transaction's wish for this actor's part of it. Decided alone: the cell closes on it. See `transactions`."""

    __slots__ = ("alike", "body", "deadline", "envelope", "outcome", "together", "view")

    def __init__(
        self,
        envelope: Envelope,
        body: msgspec.Raw,
        together: tuple[str, ...],
        alike: tuple[str, ...],
        view: int | None,
        deadline: float,
        outcome: Any,
    ) -> None:
        self.envelope = envelope
        self.body = body
        self.together = together
        self.alike = alike
        self.view = view
        self.deadline = deadline
        self.outcome = outcome
        """A future: `Draft` (the cell is closed on it), `Repeat`, or the refusal's bytes."""


class Repeat(msgspec.Struct, frozen=True):
    """The command was decided before; its first answer is in the commit at `sequence`."""

    sequence: int


AnswerBody: TypeAlias = tuple[Letter, bool, msgspec.Raw]


class Draft:
    """A commit on its way to the log, and the answers that wait for it."""

    __slots__ = ("answers", "at", "cell", "decided", "entry", "evolved", "head", "view")

    def __init__(
        self,
        cell: Cell,
        entry: Entry,
        head: str,
        at: Instant,
        decided: list[Decided[Any]],
        answers: list[AnswerBody],
        evolved: bool,
    ) -> None:
        self.cell = cell
        self.entry = entry
        self.head = head
        self.at = at
        self.decided = decided
        self.answers = answers
        self.view = 0
        """The sequence of what it was decided by, for a kind that consults."""
        self.evolved = evolved
        """Whether the cell's state already is that after this commit."""


class Turn:
    """What came of a turn: answers that can go at once, repeats to look up, and perhaps a draft that the rest waits
    for."""

    __slots__ = ("answers", "draft", "failed", "repeats")

    def __init__(self) -> None:
        self.answers: list[AnswerBody] = []
        self.repeats: list[tuple[Letter, int]] = []
        self.draft: Draft | None = None
        self.failed: Exception | None = None
        """What went wrong with what the actor had to do by itself, and would again."""


class Cell:
    """One live actor of a host: its mailbox, its phase, and what is remembered of it."""

    __slots__ = (
        "actor",
        "bytes_since_snapshot",
        "consults",
        "decider",
        "doubtful",
        "era",
        "failures",
        "halted_by",
        "leases",
        "leases_era",
        "mailbox",
        "memory",
        "partition",
        "phase",
        "policy",
        "queued",
        "snapshot_bytes",
        "tick",
        "turn_commands_max",
        "turn_commands_now",
        "unsaved",
        "used_at",
    )  # fmt: skip

    def __init__(self, actor: str, decider: AnyDecider, partition: int, turn_commands_max: int) -> None:
        self.actor = actor
        self.decider = decider
        self.policy = decider.policy
        """What is decided by. For a kind that consults, the host sets it before each turn."""
        self.consults = decider.consulted_by(actor)
        self.leases = _NO_LEASES if decider.leased is None else decider.leasing()
        self.leases_era: int | None = None
        """In which era of the host the leases were begun; in another, heartbeats may have gone elsewhere."""
        self.tick: Callable[[], Letter] | None = None
        """For a kind that follows others: makes a Tick of the host's own, to do what is due in between."""
        self.failures = 0
        """How often in a row what it has to do by itself could not be done."""
        self.partition = partition
        self.phase = Phase.COLD
        self.era = 0
        self.mailbox: deque[Letter | Request] = deque()
        self.memory: Memory | None = None
        self.doubtful: dict[str, tuple[int, float]] = {}
        """Commands whose commit may have been stored, or may yet be, without our knowing: behind which sequence, and
        until when."""
        self.queued = False
        self.halted_by = ""
        self.turn_commands_max = turn_commands_max
        self.turn_commands_now = turn_commands_max
        """Fewer for a while after a turn that couldn't be committed as a whole."""
        self.used_at = 0.0
        self.unsaved = 0
        """Commits that no snapshot holds."""
        self.bytes_since_snapshot = 0
        self.snapshot_bytes = 0

    def wake(self) -> Instant | None:
        """When the actor wants a Tick, as far as this host knows."""
        memory, leased = self.memory, self.decider.leased
        assert memory is not None
        return memory.wake() if leased is None else leased(memory.state, self.leases)

    @property
    def keeps_leases(self) -> bool:
        """Whether something may be kept alive by heartbeats that would be forgotten with the cell."""
        memory = self.memory
        return self.decider.leased is not None and memory is not None and self.wake() != memory.wake()

    @property
    def listens(self) -> bool:
        """Whether it has to stay live, to hear those whom it follows."""
        memory = self.memory
        return self.decider.follows is not None and memory is not None and memory.wake() is not None

    @property
    def has_more_to_hear(self) -> bool:
        """Whether its last turn had more news than one commit takes in."""
        heard, memory = self.decider.heard, self.memory
        if heard is None or memory is None:
            return False
        news = self.policy.news
        return bool(news) and news[-1].sequence > heard(memory.state)

    def _is_due(self, memory: Memory, at: Instant) -> bool:
        """Of a kind that follows: whether there is something that it should see to before anything else."""
        wake = memory.wake()
        if wake is None:
            return False  # it does not listen
        news, heard = self.policy.news, self.decider.heard
        assert heard is not None
        return wake <= at or bool(news and news[-1].sequence > heard(memory.state))

    def doubt(self) -> None:
        """Forget everything: what is true must be read from the log."""
        self.memory = None
        self.phase = Phase.COLD
        self.unsaved = 0

    def doubts(self, draft: Draft, until: float) -> None:
        """Nobody knows whether the draft is stored. The log decides before `until`, or as soon as the actor has another
        commit behind the one that the draft stands on."""
        for one in draft.decided:
            self.doubtful[one.id] = (draft.entry.expect.sequence, until)

    def _settle_doubts(self, sequence: int, loop_now: float) -> None:
        self.doubtful = {
            id: (fence, until) for id, (fence, until) in self.doubtful.items() if fence == sequence and until > loop_now
        }

    def take_turn(self, clock_now: Instant, loop_now: float) -> Turn:
        """Decide what waits. The caller knows that the cell is ready; the draft, if any, is the caller's to commit."""
        memory = self.memory
        assert memory is not None and self.phase is Phase.READY
        turn = Turn()
        at = max(clock_now, memory.at)
        decided: list[Decided[Any]] = []
        answers: list[AnswerBody] = []
        in_this_turn: dict[str, tuple[str, msgspec.Raw]] = {}
        mailbox, young, old = self.mailbox, memory.young, memory.old
        if self.doubtful:
            self._settle_doubts(memory.sequence, loop_now)
        bytes_left = ground.LOG_MESSAGE_BYTES_MAX // 4
        left = self.turn_commands_now
        tick = self.tick
        due: Letter | None = None
        """The Tick that this turn does by itself. Others that wait are only there to make it begin."""
        if tick is not None and self._is_due(memory, at):
            due = tick()
            mailbox.appendleft(due)
            left += 1
        while True:
            if not (mailbox and left > 0 and bytes_left > 0):
                if tick is None or not self._is_due(memory, at):
                    break
                due = tick()
                mailbox.appendleft(due)
                left, bytes_left, tick = 1, 1, None
            letter = mailbox.popleft()
            if self.tick is not None and isinstance(letter, Letter) and not letter.reply and letter is not due:
                continue
            if isinstance(letter, Request):
                if decided:
                    mailbox.appendleft(letter)
                    break
                if self._close_on(letter, memory, at, clock_now, loop_now):
                    break
                continue
            left -= 1
            envelope = letter.envelope
            command_id = envelope.id
            known_as = command_id if SEAL not in command_id else unsealed(command_id)
            if known_as in young or known_as in old:
                turn.repeats.append((letter, young.get(known_as) or old[known_as]))
                continue
            repeated = in_this_turn.get(known_as)
            if repeated is not None:
                same = repeated[0] == command_id
                answers.append((letter, same, repeated[1] if same else ID_REUSED))
                continue
            if letter.deadline < loop_now:  # asked last: what was done before must not be called too late
                turn.answers.append((letter, False, UNKNOWN if command_id in self.doubtful else _TOO_LATE))
                continue
            outcome = self._decide(memory, envelope, envelope.body, self.policy, at, clock_now)
            if isinstance(outcome, msgspec.Raw):
                answers.append((letter, False, UNKNOWN if command_id in self.doubtful else outcome))
                continue
            facts, reply = outcome
            if not facts and command_id in self.doubtful:
                answers.append((letter, False, UNKNOWN))  # nothing is left to do: by somebody else's doing, or its own
                continue
            if facts:
                try:
                    self._evolve(memory, facts, at)
                    if self.tick is not None and not letter.reply:
                        facts += self._what_else_is_due(memory, envelope, at, clock_now)
                except Exception as bug:  # in a decider, which leaves the state half changed: start over from the log
                    log.exception("evolve_failed", actor=self.actor, command=envelope.id)
                    turn.answers.append((letter, False, _OUR_BUG))
                    turn.failed = bug if letter is due else None
                    self._start_over(answers)
                    return turn
                decided.append(Decided(command_id, envelope.by, envelope.asked_at, facts, reply))
                bytes_left -= len(envelope.body) + len(reply)
            in_this_turn[known_as] = (command_id, reply)  # without facts too: a copy must not find something left to do
            answers.append((letter, True, reply))
        if not decided:
            turn.answers.extend(answers)
            return turn
        draft = self._draft(memory, at, decided, answers, (), evolved=True)
        if isinstance(draft, msgspec.Raw):
            self._shrink(turn, answers, decided, draft)
            return turn
        turn.draft = draft
        self.phase = Phase.COMMITTING
        return turn

    def _evolve(self, memory: Memory, facts: tuple[Any, ...], at: Instant) -> None:
        evolve, state = self.decider.evolve, memory.state
        for fact in facts:
            state = evolve(state, fact, at)
        memory.state = state

    def _what_else_is_due(self, memory: Memory, tick: Envelope, at: Instant, clock_now: Instant) -> tuple[Any, ...]:
        """One thing leads to another: who was heard of is called. As much of it as one commit is sure to hold."""
        more: tuple[Any, ...] = ()
        for _ in range(limits.DUE_AGAIN_MAX):
            outcome = self._decide(memory, tick, tick.body, self.policy, at, clock_now)
            if isinstance(outcome, msgspec.Raw) or not outcome[0]:
                break
            self._evolve(memory, outcome[0], at)
            more += outcome[0]
        return more

    def _start_over(self, answers: list[AnswerBody]) -> None:
        """Nothing of this turn stands: its letters are decided again, first, on what the log says."""
        for letter, _, _ in answers:
            if not letter.reply:  # a Tick of ours: what it did, if it did, may be forgotten before it is decided again
                letter.envelope = _anew(letter.envelope)
        letters = [letter for letter, _, _ in answers]
        if self.tick is not None:  # the next turn does what is due by itself, and needs a Tick only to begin
            letters = [letter for letter in letters if letter.reply] or ([] if self.mailbox else letters[:1])
        self.mailbox.extendleft(reversed(letters))
        self.doubt()

    def _shrink(self, turn: Turn, answers: list[AnswerBody], decided: list[Decided[Any]], refusal: msgspec.Raw) -> None:
        """There can't be a commit of all of these: fewer commands a turn, or the refusal for the one that is left."""
        if len(decided) > 1:
            self.turn_commands_now = max(1, min(self.turn_commands_now, len(decided)) // 2)
        else:
            culprit = decided[0].id
            turn.answers.extend((letter, False, refusal) for letter, _, _ in answers if letter.envelope.id == culprit)
            answers = [answer for answer in answers if answer[0].envelope.id != culprit]
        self._start_over(answers)

    def _decide(
        self, memory: Memory, envelope: Envelope, body: msgspec.Raw, policy: Any, at: Instant, clock_now: Instant
    ) -> tuple[tuple[Any, ...], msgspec.Raw] | msgspec.Raw:
        """What becomes true and the bytes of the reply, or those of a refusal."""
        if envelope.asked_at > clock_now + limits.CLOCK_AHEAD_MS_MAX:
            return _FROM_THE_FUTURE
        try:
            command = self.decider.read_command(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return encode_refusal("malformed_command", str(error))
        if envelope.asked_at <= memory.forgotten_through and not isinstance(command, Tick):
            return _TOO_OLD  # a Tick does nothing twice, and must reach an actor whose askers' clocks are ahead
        try:
            outcome = self.decider.decide(memory.state, command, at, policy)
            if isinstance(outcome, Refusal):
                return msgspec.Raw(canonical(outcome))
            if outcome.leases is not None:
                self.leases.keep(outcome.leases, at)
            facts, reply = outcome.facts, NULL if outcome.reply is None else msgspec.Raw(canonical(outcome.reply))
        except Exception:  # a bug in a decider: it must not take the host with it, and is answered as ours
            log.exception("decide_failed", actor=self.actor, command=envelope.id, kind=type(command).__name__)
            return _OUR_BUG
        return (facts, reply) if len(reply) <= limits.ANSWER_BYTES_MAX else _ANSWER_TOO_LARGE

    def _draft(
        self,
        memory: Memory,
        at: Instant,
        decided: list[Decided[Any]],
        answers: list[AnswerBody],
        together: tuple[str, ...],
        *,
        evolved: bool,
    ) -> Draft | msgspec.Raw:
        """A commit to be stored, or the bytes of why there can't be one."""
        headers: dict[str, str] = {}
        try:
            body = encode(self.actor, at, memory.head, decided, together)
            if evolved:
                wake = memory.wake()
                if wake is not None:
                    headers[WAKE_HEADER] = str(wake)
            elif self.decider.wake is not never:
                headers[WAKE_HEADER] = "0"
        except Exception:  # a bug in a decider: a fact that can't be written, or a wake that raises
            log.exception("draft_failed", actor=self.actor, commands=[one.id for one in decided])
            return _OUR_BUG
        if len(body) > ground.LOG_MESSAGE_BYTES_MAX:
            return _COMMIT_TOO_LARGE
        traces = [letter.trace for letter, accepted, _ in answers if accepted and letter.trace]
        if traces:
            headers[TRACE_HEADER] = ",".join(traces[:TRACES_PER_COMMIT_MAX])
        head = hash_of(body)
        entry = Entry(self.actor, body, ExpectAt(memory.sequence), head, headers)
        return Draft(self, entry, head, at, decided, answers, evolved)

    def _close_on(self, request: Request, memory: Memory, at: Instant, clock_now: Instant, loop_now: float) -> bool:
        """Decide a transaction's part and close on it; False when there is nothing to close for."""
        envelope, outcome = request.envelope, request.outcome
        if outcome.done():  # its coordinator no longer waits
            return False
        sequence = memory.decided_at(envelope.id)
        if sequence is not None:
            outcome.set_result(Repeat(sequence))
            return False
        in_doubt = envelope.id in self.doubtful
        if request.deadline < loop_now:
            outcome.set_result(UNKNOWN if in_doubt else _TOO_LATE)
            return False
        policy = self.policy
        if self.decider.consults:
            if request.view is not None and request.view != policy.sequence:
                outcome.set_result(VIEWS_DIFFER)
                return False
            policy = replace(policy, together=request.alike)
        decision = self._decide(memory, envelope, request.body, policy, at, clock_now)
        if isinstance(decision, msgspec.Raw):
            outcome.set_result(UNKNOWN if in_doubt else decision)
            return False
        one = Decided(envelope.id, envelope.by, envelope.asked_at, *decision)
        draft = self._draft(memory, at, [one], [], request.together, evolved=False)
        outcome.set_result(draft)
        if isinstance(draft, Draft):
            draft.view = policy.sequence if self.decider.consults else 0
            self.phase = Phase.CLOSED
        return self.phase is Phase.CLOSED

    def landed(self, draft: Draft, sequence: int) -> None:
        """The draft is stored at `sequence`: what it says is true, and the cell may go on."""
        memory = self.memory
        assert memory is not None and sequence > memory.sequence
        if not draft.evolved:
            for one in draft.decided:
                self._evolve(memory, one.facts, draft.at)
        memory.stand(sequence, draft.head, draft.at, draft.decided)
        self.phase = Phase.READY
        self.failures = 0
        self.unsaved += 1
        self.bytes_since_snapshot += len(draft.entry.body)
        if self.turn_commands_now < self.turn_commands_max:
            self.turn_commands_now += 1

    def put_back(self, draft: Draft) -> None:
        """The draft doesn't stand, as far as we know: forget what it led to, and decide its letters again, first."""
        self._start_over(draft.answers)


VIEWS_DIFFER = encode_refusal("views_differ", "its host has not heard of the same change yet", "busy", 50)
_NO_LEASES = Leases()


def _anew(tick: Envelope) -> Envelope:
    """The same under another id: it does nothing twice, and is another command."""
    id, _, tries = tick.id.partition("/")
    return msgspec.structs.replace(tick, id=f"{id}/{int(tries or 0) + 1}")


_TOO_LATE = encode_refusal("deadline_passed", "the command's time ran out before its turn came", "late")
_TOO_OLD = encode_refusal(
    "too_old_to_repeat",
    "commands of that age are no longer remembered: whether this one was done is for the log to say",
    "late",
)
_FROM_THE_FUTURE = encode_refusal("clock_ahead", "the command was asked in the future: the sender's clock is wrong")
_COMMIT_TOO_LARGE = encode_refusal(
    "commit_too_large", "what the command leads to is more than one message to the log holds"
)
_ANSWER_TOO_LARGE = encode_refusal("answer_too_large", "the answer is more than is sent at a time: ask for less")
_OUR_BUG = encode_refusal("internal", "this is our bug; it is in the host's log with the command's id", "ours")
