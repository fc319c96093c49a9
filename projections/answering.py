"""Answering over the bus: each question comes on a subject of its own, `questions.<kind>`, to one of the projectors.

A question is the JSON of its record in `questions.KINDS`. What goes back is an answer and the sequence that it stands
on, or an error: a code, a sentence, and whose fault it is. `ask` is the other end.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
import structlog

from events.bus import Bus, Message, Subscription
from events.errors import BusError, LogError, LogHalted, TidegateError
from projections.limits import ANSWER_BYTES_MAX, QUESTION_BYTES_MAX, QUESTIONS_AT_ONCE_MAX
from projections.models import ReadModels
from projections.projector import Behind
from projections.questions import KIND_OF, KINDS, Problem, Question, Unanswered

log = structlog.get_logger(__name__)

PREFIX: Final = "questions."
QUEUE: Final = "projectors"


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """`error` is None when there is an answer."""

    sequence: int
    answer: msgspec.Raw = msgspec.Raw(b"null")
    error: Problem | None = None


_ENCODER: Final = msgspec.json.Encoder()
_REPLIES: Final = msgspec.json.Decoder(Reply)
_QUESTIONS: Final = {kind: msgspec.json.Decoder(question) for kind, (question, _) in KINDS.items()}
_ANSWERS: Final = {kind: msgspec.json.Decoder(answer) for kind, (_, answer) in KINDS.items()}


class Answering:
    """Answers for as long as it is started."""

    def __init__(self, bus: Bus, models: ReadModels) -> None:
        self._bus: Final = bus
        self._models: Final = models
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        self._subscription = await self._bus.subscribe(PREFIX + "*", self._hear, QUEUE)

    async def stop(self) -> None:
        """What was asked before is answered."""
        if self._subscription is not None:
            await self._subscription.stop()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _hear(self, message: Message) -> None:
        if not message.reply:
            return
        task = asyncio.get_running_loop().create_task(self._reply(message, busy=self._is_busy()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _is_busy(self) -> bool:
        return len(self._tasks) >= QUESTIONS_AT_ONCE_MAX

    async def _reply(self, message: Message, *, busy: bool) -> None:
        problem: Problem | None = Problem("busy", "too many questions at once", "busy") if busy else None
        body = b"null"
        if problem is None:
            try:
                asked = read_question(message.subject.removeprefix(PREFIX), message.data)
                body = _ENCODER.encode(await self._models.answer(asked))
                if len(body) > ANSWER_BYTES_MAX:
                    raise Unanswered(
                        "answer_too_large", f"an answer has at most {ANSWER_BYTES_MAX} bytes: ask for less"
                    )
            except TidegateError as error:
                body, problem = b"null", _problem(error)
            except Exception:
                log.exception("question_not_answered", subject=message.subject)
                problem = Problem("bug", "the question could not be answered", "ours")
        reply = Reply(self._models.projector.sequence, msgspec.Raw(body), problem)
        try:
            await self._bus.publish(message.reply, _ENCODER.encode(reply))
        except BusError as error:  # whoever asked asks again
            log.warning("answer_not_sent", code=error.code, detail=str(error))


def read_question(kind: str, data: bytes) -> Question:
    decoder = _QUESTIONS.get(kind)
    if decoder is None:
        raise Unanswered("unknown_question", f"there is no question {kind[:64]!r}")
    if len(data) > QUESTION_BYTES_MAX:
        raise Unanswered("question_too_large", f"a question has at most {QUESTION_BYTES_MAX} bytes")
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unanswered("malformed", str(error)) from error


def _problem(error: TidegateError) -> Problem:
    match error:
        case Unanswered():
            return error.problem
        case Behind():
            return Problem(error.code, str(error), "busy")
        case LogError():
            return Problem(error.code, str(error), "ours" if isinstance(error, LogHalted) else "busy")
        case _:
            return Problem(error.code, str(error), "caller")


async def ask(bus: Bus, question: Question, timeout_ms: int) -> Any:
    """The answer, as `questions.KINDS` says; `Unanswered` with the problem; or a `BusError`."""
    return (await ask_at(bus, question, timeout_ms))[0]


async def ask_at(bus: Bus, question: Question, timeout_ms: int) -> tuple[Any, int]:
    """The same, and the sequence that the answer stands on."""
    answer, sequence = await ask_unread(bus, question, timeout_ms)
    return _ANSWERS[KIND_OF[type(question)]].decode(answer), sequence


async def ask_unread(bus: Bus, question: Question, timeout_ms: int) -> tuple[bytes, int]:
    """The same, with the answer as it came: JSON, for whoever may have read that very answer before."""
    message = await bus.request(PREFIX + KIND_OF[type(question)], _ENCODER.encode(question), timeout_ms)
    reply = _REPLIES.decode(message.data)
    if reply.error is not None:
        raise Unanswered(reply.error.code, reply.error.detail, reply.error.fault)
    return bytes(reply.answer), reply.sequence
