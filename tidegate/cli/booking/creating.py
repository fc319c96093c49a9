"""`tidegate booking create …`: what can be booked, when, and how."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from tidegate.cli.booking.common import EventTypeArgument, ResourceArgument, done, pairs
from tidegate.cli.shared import ExitCode, Invocation
from tidegate.hours import override_from, spelled, weekly_from


async def resource(
    call: Invocation,
    id: Annotated[str, typer.Argument(metavar="ID", help="For example studio-north.")],
    tz: Annotated[str, typer.Option("--tz", metavar="ZONE", help="Its time zone, for example Europe/Berlin.")],
    name: Annotated[str, typer.Option(help="What people call it; its id if none.")] = "",
    capacity: Annotated[int, typer.Option(help="How many units can be booked at a time.")] = 1,
    schedule: Annotated[str, typer.Option(help="When it can be booked; always if none.")] = "",
    sort: Annotated[str, typer.Option("--type", help="What kind of thing it is, in a word of yours.")] = "",
    description: Annotated[str, typer.Option(help="In words.")] = "",
    add_on: Annotated[bool, typer.Option("--add-on", help="Only ever booked along with something else.")] = False,
    meta: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="May be repeated.")] = None,
) -> None:
    """Add a resource, or change all of it.

    For example: tidegate booking create resource studio-west --tz Europe/Paris --schedule paris-hours

    A pool of things that come along: tidegate booking create resource mics --tz UTC --capacity 4 --add-on
    """
    from actors.catalog import PutResource

    metadata = pairs("--meta", meta or ())
    command = PutResource(id, tz, name, capacity, sort, description, schedule, not add_on, metadata)
    units = "1 unit" if capacity == 1 else f"{capacity} units"
    await _put(call, command, f"resource {id}: {units}, {tz}" + (", add-on" if add_on else ""))


async def schedule(
    call: Invocation,
    id: Annotated[str, typer.Argument(metavar="ID", help="For example paris-hours.")],
    tz: Annotated[str, typer.Option("--tz", metavar="ZONE", help="By whose clocks, for example Europe/Paris.")],
    hours: Annotated[str, typer.Option(metavar="HOURS", help="'mon-fri 09:00-17:00, sat 10:00-14:00', 'daily 0-24'.")],
    name: Annotated[str, typer.Option(help="What people call it; its id if none.")] = "",
    override: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'DATE [HOURS]'", help="Closed on that date, or open '2026-12-31 10:00-14:00'. May be repeated."
        ),
    ] = None,
    holidays: Annotated[str, typer.Option(metavar="REGION", help="Closed on its public holidays: FR, DE-BY.")] = "",
) -> None:
    """Add a schedule: when something is open; or change all of it.

    For example: tidegate booking create schedule paris-hours --tz Europe/Paris --hours "mon-fri 09:00-17:00, sat
    10:00-14:00" --override 2026-12-24 --holidays FR
    """
    from actors.catalog import PutSchedule

    weekly = weekly_from(hours)
    overrides = dict(override_from(text) for text in override or ())
    command = PutSchedule(id, tz, name, weekly, overrides, holidays)
    await _put(call, command, f"schedule {id}: {spelled(weekly)}, {tz}")


async def event_type(
    call: Invocation,
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="For example session.")],
    title: Annotated[str, typer.Option(help="What people call it; its slug if none.")] = "",
    description: Annotated[str, typer.Option(help="In words.")] = "",
    duration: Annotated[
        list[int] | None, typer.Option(metavar="MINUTES", help="How long it takes; 60 if none. May be repeated.")
    ] = None,
    interval: Annotated[
        int, typer.Option(metavar="MINUTES", help="Between two starts; the shortest duration if 0.")
    ] = 0,
    align: Annotated[Literal["window", "clock"], typer.Option(help="What starts count from.")] = "window",
    schedule: Annotated[str, typer.Option(help="Narrower than the resource's: both must be open.")] = "",
    before: Annotated[int, typer.Option(metavar="MINUTES", help="A buffer before it.")] = 0,
    after: Annotated[int, typer.Option(metavar="MINUTES", help="A buffer after it.")] = 0,
    notice: Annotated[int, typer.Option(metavar="MINUTES", help="How long before its start at the latest.")] = 0,
    horizon: Annotated[int, typer.Option(metavar="DAYS", help="How far ahead.")] = 365,
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="WHOSE-PERIOD=N", help="For example booker-week=2, resource-day=5. May be repeated."),
    ] = None,
    approval: Annotated[bool, typer.Option("--approval", help="Somebody has to approve it.")] = False,
    pending_for: Annotated[int, typer.Option(metavar="MINUTES", help="Lapses if nobody approves; never if 0.")] = 0,
    provisional_for: Annotated[int, typer.Option(metavar="MINUTES", help="Lapses unless confirmed within.")] = 0,
    hold: Annotated[int, typer.Option(metavar="SECONDS", help="How long a hold stands without a heartbeat.")] = 10,
    hold_max: Annotated[int, typer.Option(metavar="SECONDS", help="And with heartbeats.")] = 900,
    cancel_before: Annotated[int, typer.Option(metavar="MINUTES", help="Until when a booker may cancel.")] = 0,
    reschedule_before: Annotated[int, typer.Option(metavar="MINUTES", help="Until when a booker may move it.")] = 0,
    remind: Annotated[
        list[int] | None, typer.Option(metavar="MINUTES", help="Before its start. May be repeated.")
    ] = None,
    question: Annotated[
        list[str] | None,
        typer.Option(metavar="ID=LABEL", help="What a booker is asked; ID! wants an answer. May be repeated."),
    ] = None,
    price: Annotated[str, typer.Option(help="In words.")] = "",
) -> None:
    """Add a way of booking: how long, when, under which rules; or change all of it.

    For example: tidegate booking create event-type session --duration 60 --duration 120 --after 30 --question
    'project!=What are you working on?' --limit booker-week=2

    What has no option here has a field of `tidegate send put_event_type`.
    """
    from actors.catalog import PutEventType
    from events.catalog import Question

    asked = pairs("--question", question or ())
    durations = tuple(duration or (60,))
    command = PutEventType(
        slug,
        title,
        description,
        durations,
        interval,
        align,
        schedule,
        before,
        after,
        notice,
        horizon,
        **limits_from(limit or ()),
        approval=approval,
        pending_for=pending_for,
        provisional_for=provisional_for,
        hold_seconds=hold,
        hold_seconds_max=hold_max,
        cancel_before=cancel_before,
        reschedule_before=reschedule_before,
        reminders=tuple(remind or ()),
        questions=tuple(
            Question(id.removesuffix("!"), label, required=id.endswith("!")) for id, label in asked.items()
        ),
        price=price,
    )
    lengths = ", ".join(map(str, durations))
    await _put(call, command, f"event type {slug}: {lengths} minutes" + (", on approval" if approval else ""))


async def link(
    call: Invocation,
    event_type: Annotated[str, typer.Argument(metavar="EVENT_TYPE", help="Its slug.")],
    resources: Annotated[list[str], typer.Argument(metavar="RESOURCE…", help="Their ids.")],
) -> None:
    """Let an event type book these resources.

    For example: tidegate booking create link session studio-west mics
    """
    from actors.catalog import Link
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        for one in resources:
            await asking.of_catalog(Link(event_type, one))
    done(call, {"event_type": event_type, "resources": resources}, f"{event_type} books {', '.join(resources)}")


async def shrink(
    call: Invocation,
    resource: ResourceArgument,
    units: Annotated[int, typer.Argument(metavar="UNITS", help="How many are left; 0 takes it out of use.", min=0)],
) -> None:
    """Leave a resource fewer units, if what is reserved leaves room for that. It takes 30 s, until every host knows.

    For example: tidegate booking shrink mics 3

    Ends with 1 when more is reserved on a day to come: then nothing changes, and the days are named.
    """
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        days = await asking.shrink(resource, units, lambda text: None if call.json else call.err.print(text))
    data = {"resource": resource, "units": units, "shrunk": not days, "reserved": {one.date: one.units for one in days}}
    rows = {one.date: f"{one.units} reserved" for one in days}
    left = "out of use" if units == 0 else f"{units} units"
    done(call, data, f"as it was: {resource}" if days else f"{left}: {resource}", **rows)
    if days:
        raise typer.Exit(ExitCode.FAILED)


async def withdraw(call: Invocation, event_type: EventTypeArgument) -> None:
    """Take an event type away, if no bookings of it are to come. It takes 30 s, until every host knows.

    For example: tidegate booking withdraw production

    Ends with 1 when there are any: then it is not bookable any more, and they are named.
    """
    from tidegate.asking import opened
    from tidegate.withdrawing import withdraw as take_away

    async with opened(call.settings) as asking:
        coming = await take_away(asking, event_type, lambda text: None if call.json else call.err.print(text))
    data = {"event_type": event_type, "withdrawn": not coming, "bookings": [one.id for one in coming]}
    rows = {f"{number}": one.id for number, one in enumerate(coming, 1)}
    done(call, data, f"not bookable any more: {event_type}" if coming else f"taken away: {event_type}", **rows)
    if coming:
        raise typer.Exit(ExitCode.FAILED)


def limits_from(texts: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """`booker-week=2` as the quota of an event type."""
    from events.catalog import Quota

    periods: dict[str, dict[str, int]] = {"resource": {}, "booker": {}}
    for key, count in pairs("--limit", texts).items():
        whose, _, period = key.partition("-")
        if whose not in periods or period not in ("day", "week", "month") or not count.isdecimal():
            raise typer.BadParameter(f"--limit {key}={count}: expected for example booker-week=2 or resource-day=5")
        periods[whose][period] = int(count)
    return {f"per_{whose}": Quota(**found) for whose, found in periods.items()}


async def _put(call: Invocation, command: Any, said: str) -> None:
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        answer = await asking.of_catalog(command)
    done(call, {"sequence": answer.sequence, "put": answer.reply}, said if answer.sequence else f"{said} (as it was)")
