"""`tidegate ask`: a question to the read models, and its answer."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from events.errors import TidegateError
from tidegate import run_file
from tidegate.cli.shared import Invocation


class BadQuestion(TidegateError):
    """What was typed is no question."""

    code = "bad_question"
    next_step = "`tidegate ask` alone lists every question with its fields"


class NotAnswered(TidegateError):
    """The read models say why there is no answer."""

    code = "not_answered"


async def ask(
    call: Invocation,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="QUESTION [FIELD=VALUE]…", help="Without any: what can be asked.")
    ] = None,
    within: Annotated[float, typer.Option(help="How long to wait, in seconds.", min=0.001, max=60)] = 5.0,
) -> None:
    """Ask the read models something, and print the answer as JSON.

    For example: tidegate ask day_slots event_type=session resource=studio-north date=2026-12-07 minutes=60

    The organisation is the setting org unless said; lists and objects are typed as JSON.
    """
    from projections import answering, questions

    if not words:
        for kind, (question, _) in questions.KINDS.items():
            call.out.print(f"[bold]{kind}[/] {escape(_fields(question))}")
        return
    kind, *pairs = words
    if kind not in questions.KINDS:
        raise BadQuestion(f"there is no question {kind!r}")
    asked = _question(questions.KINDS[kind][0], {"org": call.settings.org} | dict(map(_pair, pairs)))
    from events.nats.ground import reached

    async with reached(run_file.reach_of(call.settings), name="tidegate-ask") as ground:
        try:
            answer = await answering.ask(ground.bus, asked, int(within * 1000))
        except questions.Unanswered as error:
            raise NotAnswered(f"{error.problem.code}: {error.problem.detail}") from error
    plain = msgspec.to_builtins(answer, str_keys=True)
    if call.json:
        call.answer(plain)
    else:
        call.out.print_json(data=plain)


def _pair(word: str) -> tuple[str, Any]:
    name, equals, text = word.partition("=")
    if not equals:
        raise BadQuestion(f"{word!r} is no FIELD=VALUE")
    try:
        return name, json.loads(text) if text[:1] in "[{" else text
    except json.JSONDecodeError as error:
        raise BadQuestion(f"{name} is not JSON: {error}") from error


def _question(question: type[msgspec.Struct], values: dict[str, Any]) -> Any:
    try:
        return msgspec.convert(values, question, strict=False)
    except msgspec.ValidationError as error:
        raise BadQuestion(str(error)) from error


def _fields(question: type[msgspec.Struct]) -> str:
    fields = (field for field in msgspec.structs.fields(question) if field.name != "org")
    return " ".join(field.name if field.required else f"[{field.name}]" for field in fields)
