"""`tidegate booking series`: the same visit again and again, all of it or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from events.calendar.moments import local_iso
from events.day import Wish
from events.errors import UnknownOutcome
from tidegate.cli.booking.common import (
    AnswerOption,
    BadWish,
    BookingUnknown,
    DurationOption,
    EmailOption,
    EventTypeArgument,
    NameOption,
    PassOption,
    PhoneOption,
    ResourceArgument,
    SessionOption,
    Shown,
    StartOption,
    TzOption,
    UnitsOption,
    Wanted,
    WithOption,
    done,
    items_shown,
    lapses,
    new_token,
    pairs,
    plain_table,
    wanted,
    wish_data,
    wish_when,
)
from tidegate.cli.shared import ExitCode, Invocation
from tidegate.local_time import date_from
from tidegate.refused import Refused

if TYPE_CHECKING:
    from projections.questions import CheckAnswer
    from tidegate.asking import Asking


async def series(
    call: Invocation,
    event_type: EventTypeArgument,
    resource: ResourceArgument,
    start: StartOption,
    rule: Annotated[
        str, typer.Option("--rule", metavar="RRULE", help="How it recurs: 'FREQ=WEEKLY;BYDAY=MO,TH;COUNT=10'.")
    ],
    except_: Annotated[
        list[str] | None, typer.Option("--except", metavar="DATE", help="Not on this date. May be repeated.")
    ] = None,
    duration: DurationOption = None,
    units: UnitsOption = 1,
    along: WithOption = None,
    name: NameOption = "",
    email: EmailOption = "",
    phone: PhoneOption = "",
    answer: AnswerOption = None,
    session: SessionOption = None,
    check: Annotated[bool, typer.Option("--check", help="Only tell which visits would fit.")] = False,
    pass_: PassOption = None,
    tz: TzOption = None,
) -> None:
    """Book the same visit again and again, by the clocks of the place: all of the visits, or none.

    For example: tidegate booking series session studio-north --start 'mon 10:00' --rule 'FREQ=WEEKLY;COUNT=6' --except
    2026-12-28 --email ann@example.org

    When some do not fit, nothing is booked, and the dates that clash are told. Each visit is a booking of its own.
    """
    from secrets import token_urlsafe

    from actors.booking.asking import for_series
    from actors.booking.changing import hashed
    from actors.booking.commands import BookSeries
    from actors.booking.recurrence import starts_of
    from actors.decider import Refusal
    from events.calendar.zones import local_date
    from events.day import Booker
    from tidegate.asking import opened

    token, session = token_urlsafe(16), session or ""
    async with opened(call.settings) as asking:
        now = asking.clock()
        want = wanted(
            await asking.catalog(resource, event_type=event_type), now, event_type, resource, start,
            duration=duration, units=units, along=along or (), tz=tz, shown=Shown.if_any(call, pass_),
        )  # fmt: skip
        found = starts_of(rule, want.wish.start, want.tz)
        if isinstance(found, Refusal):
            raise Refused(found)
        left_out = {date_from(date, now, want.tz) for date in except_ or ()}
        wishes = [want.wish_at(one) for one in found if local_date(one, want.tz) not in left_out]
        if not wishes:
            raise BadWish("nothing is left of the series without these dates")
        if check:
            problems = await _problems(asking, wishes, session, email)
            _tell(call, want, wishes, problems)
            if any(problems):
                raise typer.Exit(ExitCode.FAILED)
            return
        command = BookSeries(
            new_token("r"),
            wishes[0],
            tuple(wish.start for wish in wishes[1:]),
            session,
            Booker(name, email, phone),
            pairs("--answer", answer or ()),
            hashed(token),
            asking.catalog_at,
        )
        parts = for_series(asking.org, want.event_type, command)
        if isinstance(parts, Refusal):
            raise Refused(parts)
        try:
            reply = (await asking.together(parts)).reply
        except UnknownOutcome as error:
            raise BookingUnknown(f"nothing is known of the series {command.series}, token {token}: {error}") from error
        except Refused:
            _tell(call, want, wishes, await _problems(asking, wishes, session, email))
            raise
    ids, status, until = reply["bookings"], reply["status"], reply["until"]
    visits = [{"booking": id, **wish_data(wish, want.tz)} for id, wish in zip(ids, wishes, strict=True)]
    data = {"token": token, "status": status, "until": until and local_iso(until, want.tz), "visits": visits}
    headline = f"{status}: {items_shown(want.wish.items)}, {len(ids)} times"
    done(call, data, headline, token=token, **lapses(status, until, want.tz))
    if not call.json:
        table = plain_table(f"when ({want.tz})", "booking")
        for id, wish in zip(ids, wishes, strict=True):
            table.add_row(wish_when(wish, want.tz), id)
        call.out.print(table)


async def _problems(asking: Asking, wishes: Sequence[Wish], session: str, email: str) -> list[str]:
    """What stands against each of the visits, as it is now, with those before it; empty if nothing does."""
    from projections.questions import CheckSeries

    first, starts = wishes[0], tuple(wish.start for wish in wishes)
    asked = CheckSeries(
        org=asking.org, event_type=first.event_type, starts=starts, minutes=first.minutes, items=first.items,
        session=session, email=email, admitted=first.admitted,
    )  # fmt: skip
    answers: tuple[CheckAnswer, ...] = await asking.look(asked)
    return [
        "; ".join(
            ([] if one.objection is None else [one.objection.detail])
            + [f"{conflict.resource}: {conflict.detail}" for conflict in one.conflicts]
        )
        for one in answers
    ]


def _tell(call: Invocation, want: Wanted, wishes: Sequence[Wish], problems: Sequence[str]) -> None:
    """Which visits would fit."""
    if call.json:
        call.answer(
            [
                {**wish_data(wish, want.tz), "fits": not problem, "problem": problem or None}
                for wish, problem in zip(wishes, problems, strict=True)
            ]
        )
        return
    table = plain_table(f"when ({want.tz})", "fits", "what stands against it")
    for wish, problem in zip(wishes, problems, strict=True):
        fits = Text("no", "red") if problem else Text("yes", "green")
        table.add_row(wish_when(wish, want.tz), fits, problem)
    call.out.print(table)
