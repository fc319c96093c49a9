"""One endpoint's delivery: `<org>.webhook.<id>`.

It is what a courier would have to know if it began now: how far the log has been told, what is late, what was given up.
A courier keeps all of it in its memory and reports; between two reports it may die, and the next one then delivers once
more what was done since the last. Whoever receives knows a happening by its id.

One courier at a time delivers. That it is still about, it says every few seconds, which writes nothing; who it is does
stand in the log, so that a host which takes this actor over knows whom to wait for before somebody else may come.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

from actors.decider import Consulted, Decider, Decision, Leases, Refusal
from actors.webhooks.commands import Attend, Attended, ReplayDead, Report, SendTest, ShowDeliveries
from actors.webhooks.limits import (
    ATTEMPTS_KEPT,
    CODE_CHARACTERS_MAX,
    COURIER_CHARACTERS_MAX,
    DEAD_MAX,
    DEAD_PER_REPORT_MAX,
    DONE_PER_REPORT_MAX,
    ID_CHARACTERS_MAX,
    IDS_PER_REPLAY_MAX,
    LATE_ACCEPTED_MAX,
    LATE_MAX,
    LATE_PER_REPORT_MAX,
    LEASE_MS,
)
from actors.webhooks.registry import Endpoint, Webhooks, unknown
from events.clock import Instant
from events.webhooks import (
    SOURCES,
    WEBHOOK_FACTS,
    Attempt,
    CourierCame,
    CourierWent,
    Dead,
    DeliveriesReported,
    DeliveryBegan,
    Late,
    Place,
    ReplayAsked,
    TrialAsked,
    WebhookFact,
)

WebhookCommand: TypeAlias = Attend | Report | ReplayDead | SendTest | ShowDeliveries
By: TypeAlias = Consulted[Webhooks, Leases]
Answer: TypeAlias = Decision[WebhookFact] | Refusal

LATE_SHOWN_MAX: Final = 100
ASK_AGAIN_MS: Final = LEASE_MS // 2
_TRIAL: Final = "test-"
"""How the ids of trials begin. Others are places in the log."""


class Delivery(msgspec.Struct):
    id: str
    born: int = 0
    began: int = 0
    through: dict[str, int] = {}
    within: dict[str, Place] = {}
    courier: str = ""
    version: int = 0
    """Of the endpoint, when it was last attended to."""
    late: dict[str, Late] = {}
    asked: dict[str, None] = {}
    """Those of the late ones that somebody asked for, and that nobody has tried yet."""
    dead: dict[str, Dead] = {}
    """The oldest first."""
    dropped: int = 0
    attempts: list[Attempt] = []
    delivered: int = 0
    failed: int = 0
    delivered_at: Instant = 0
    failing_since: Instant = 0
    """When the first attempt failed behind which none has succeeded; 0 when the last one did."""
    dead_in_a_row: int = 0


def decide(delivery: Delivery, command: WebhookCommand, at: Instant, by: By) -> Answer:
    match command:
        case Attend():
            return _attend(delivery, command, at, by)
        case Report():
            return _report(delivery, command, at)
    endpoint = by.state.endpoints.get(delivery.id)
    if endpoint is None:
        return unknown(delivery.id)
    match command:
        case SendTest():
            if not endpoint.active:
                return _disabled(delivery.id, endpoint)
            if len(delivery.late) >= LATE_MAX:
                return _too_much_late()
            id = f"{_TRIAL}{at}"
            return Decision(() if id in delivery.late else (TrialAsked(id),), {"id": id})
        case ReplayDead():
            return _replay(delivery, command)
        case ShowDeliveries():
            return Decision(reply=_shown(delivery))


def _attend(delivery: Delivery, command: Attend, at: Instant, by: By) -> Answer:
    courier = command.courier
    if not 0 < len(courier) <= COURIER_CHARACTERS_MAX:
        return Refusal("bad_courier", f"a courier's name has between 1 and {COURIER_CHARACTERS_MAX} characters")
    endpoint = by.state.endpoints.get(delivery.id)
    if endpoint is None:
        return unknown(delivery.id)
    if not endpoint.active:
        return _disabled(delivery.id, endpoint)
    if (command.born, command.began) < (delivery.born, delivery.began):
        return Refusal("outdated", f"{delivery.id!r} begins at {delivery.began} by now", "late")
    other = delivery.courier
    if other not in ("", courier) and by.leases.end_of(other, 0, LEASE_MS) >= at:
        return Refusal("attended", f"{delivery.id!r} is delivered to by another courier", "busy", ASK_AGAIN_MS)
    facts: list[WebhookFact] = []
    if (command.born, command.began) != (delivery.born, delivery.began):
        facts.append(DeliveryBegan(command.born, command.began))
    if (other, delivery.version) != (courier, endpoint.version):
        facts.append(CourierCame(courier, endpoint.version))
    after = _copy(delivery)
    for fact in facts:
        after = evolve(after, fact, at)
    return Decision(tuple(facts), _standing(after, all_of_it=command.all), {courier: at + LEASE_MS})


def _standing(delivery: Delivery, *, all_of_it: bool) -> Attended:
    late = tuple(delivery.late.values() if all_of_it else (delivery.late[id] for id in delivery.asked))
    return Attended(delivery.through, late, delivery.failing_since, delivery.dead_in_a_row, delivery.within)


def _report(delivery: Delivery, command: Report, at: Instant) -> Answer:
    if command.courier != delivery.courier:
        return Refusal("not_attending", f"{delivery.id!r} is delivered to by another courier", "late")
    if refusal := _too_long(command):
        return refusal
    over = {*command.done, *(one.id for one in command.dead)}
    if len((delivery.late.keys() | {one.id for one in command.late}) - over) > LATE_ACCEPTED_MAX:
        return _too_much_late()
    reported = DeliveriesReported(
        command.through, command.late, command.done, command.dead, command.attempts, command.delivered, command.failed,
        command.within,
    )  # fmt: skip
    facts: list[WebhookFact] = [] if reported == DeliveriesReported() else [reported]
    if command.leaving:
        facts.append(CourierWent(command.courier))
    after = evolve(_copy(delivery), reported, at)
    until = at - 1 if command.leaving else at + LEASE_MS
    return Decision(tuple(facts), _standing(after, all_of_it=False), {command.courier: until})


def _too_long(command: Report) -> Refusal | None:
    lengths = (
        ("late", command.late, LATE_PER_REPORT_MAX),
        ("done", command.done, DONE_PER_REPORT_MAX),
        ("dead", command.dead, DEAD_PER_REPORT_MAX),
        ("attempts", command.attempts, ATTEMPTS_KEPT),
    )
    for name, told, most in lengths:
        if len(told) > most:
            return Refusal("report_too_long", f"a report names at most {most} that are {name}, not {len(told)}")
    tried: tuple[Dead | Attempt, ...] = (*command.dead, *command.attempts)
    ids = [*command.done, *(one.id for one in command.late), *(one.id for one in tried)]
    codes = [text for one in tried for text in (one.event, one.why)]
    if any(len(id) > ID_CHARACTERS_MAX for id in ids) or any(len(code) > CODE_CHARACTERS_MAX for code in codes):
        return Refusal("report_too_long", "an id, a name or a reason in it is too long")
    if not {*command.through, *command.within} <= set(SOURCES):
        return Refusal("unknown_source", f"what is told are facts of {' and '.join(SOURCES)}")
    return None


def _replay(delivery: Delivery, command: ReplayDead) -> Answer:
    if len(command.ids) > IDS_PER_REPLAY_MAX:
        return Refusal("too_many_ids", f"at most {IDS_PER_REPLAY_MAX} are named at once")
    if not command.ids and not command.all:
        return Refusal("nothing_named", "say which dead letters, or all of them")
    unknown_one = next((id for id in command.ids if id not in delivery.dead), None)
    if unknown_one is not None:
        return Refusal("unknown_letter", f"there is no dead letter {unknown_one[:ID_CHARACTERS_MAX]!r}")
    room = LATE_MAX - len(delivery.late)
    wanted = list(delivery.dead) if command.all else list(dict.fromkeys(command.ids))
    if wanted and room <= 0:
        return _too_much_late()
    ids = tuple(wanted[:room])
    left = len(wanted) - len(ids)
    return Decision((ReplayAsked(ids),) if ids else (), {"replayed": len(ids), "left": left})


def _disabled(id: str, endpoint: Endpoint) -> Refusal:
    return Refusal("endpoint_disabled", f"{id!r} is disabled ({endpoint.why}): enable it first")


def _too_much_late() -> Refusal:
    return Refusal("too_much_late", f"at most {LATE_MAX} may be late at a time", "busy", 5_000)


def _shown(delivery: Delivery) -> dict[str, Any]:
    late = sorted(delivery.late.values(), key=lambda one: (one.next_at, one.id))
    return {
        "id": delivery.id,
        "courier": delivery.courier,
        "through": delivery.through,
        "delivered": delivery.delivered,
        "failed": delivery.failed,
        "delivered_at": delivery.delivered_at,
        "failing_since": delivery.failing_since,
        "late_count": len(late),
        "late": [msgspec.structs.asdict(one) for one in late[:LATE_SHOWN_MAX]],
        "dead": [msgspec.structs.asdict(one) for one in delivery.dead.values()],
        "dropped": delivery.dropped,
        "attempts": [msgspec.structs.asdict(one) for one in delivery.attempts],
    }


# What becomes of it


def evolve(delivery: Delivery, fact: WebhookFact, at: Instant) -> Delivery:
    match fact:
        case DeliveryBegan(born, sequence):
            trials = {}
            if delivery.born in (0, born):  # those of another endpoint that had this name before are not this one's
                trials = {
                    id: one for id, one in delivery.late.items() if id in delivery.asked and id.startswith(_TRIAL)
                }
            if born != delivery.born:
                delivery = Delivery(delivery.id, courier=delivery.courier)
            delivery.born, delivery.began = born, sequence
            delivery.through, delivery.within = _from(sequence), {}
            delivery.late, delivery.asked = trials, dict.fromkeys(trials)  # who put it tries it before a courier comes
            delivery.failing_since = delivery.dead_in_a_row = 0
        case CourierCame(courier, version):
            if version != delivery.version:
                delivery.failing_since = delivery.dead_in_a_row = 0
            delivery.courier, delivery.version = courier, version
        case CourierWent():
            delivery.courier = ""
        case DeliveriesReported():
            _take_in(delivery, fact, at)
        case TrialAsked(id):
            _ask_for(delivery, id, at)
        case ReplayAsked(ids):
            for id in ids:
                delivery.dead.pop(id, None)
                _ask_for(delivery, id, at)
    return delivery


def _take_in(delivery: Delivery, told: DeliveriesReported, at: Instant) -> None:
    through = {source: max(at_, delivery.through.get(source, 0)) for source, at_ in told.through.items()}
    delivery.through = delivery.through | through
    within = {source: max(place, delivery.within.get(source, place)) for source, place in told.within.items()}
    delivery.within = {
        source: place
        for source, place in (delivery.within | within).items()
        if place[0] > delivery.through.get(source, 0)
    }
    for one in told.late:
        delivery.late[one.id] = one
        if one.attempts:
            delivery.asked.pop(one.id, None)
    for id in (*told.done, *(one.id for one in told.dead)):
        delivery.late.pop(id, None)
        delivery.asked.pop(id, None)
    delivery.dead |= {one.id: one for one in told.dead}
    for id in list(delivery.dead)[: max(0, len(delivery.dead) - DEAD_MAX)]:
        del delivery.dead[id]
        delivery.dropped += 1
    delivery.attempts = [*delivery.attempts, *told.attempts][-ATTEMPTS_KEPT:]
    delivery.delivered += told.delivered
    delivery.failed += told.failed
    if told.delivered:
        delivery.delivered_at, delivery.failing_since, delivery.dead_in_a_row = at, 0, 0
    elif told.failed and not delivery.failing_since:
        delivery.failing_since = at
    if not told.delivered:
        delivery.dead_in_a_row += len(told.dead)


def _ask_for(delivery: Delivery, id: str, at: Instant) -> None:
    delivery.late[id] = Late(id, 0, 0, at)
    delivery.asked[id] = None


def _from(sequence: int) -> dict[str, int]:
    return dict.fromkeys(SOURCES, sequence)


def _copy(delivery: Delivery) -> Delivery:
    """Whose lists and mappings may be changed."""
    return msgspec.structs.replace(
        delivery, late=dict(delivery.late), asked=dict(delivery.asked), dead=dict(delivery.dead)
    )


def _initial(actor: str) -> Delivery:
    return Delivery((*actor.split("."), "", "")[2])


def _no_end(_delivery: Delivery, _leases: Leases) -> None:
    """Nothing is to be done when a courier is not heard of any more: another one comes by itself."""


WEBHOOK: Final[Decider[Delivery, WebhookCommand, WebhookFact, By]] = Decider(
    kind="webhook",
    parts=("endpoint",),
    commands=(Attend, Report, ReplayDead, SendTest, ShowDeliveries),
    facts=WEBHOOK_FACTS,
    state=Delivery,
    initial=_initial,
    decide=decide,
    evolve=evolve,
    policy=Consulted(Webhooks(), Leases()),
    consults="webhooks",
    leased=_no_end,
)
