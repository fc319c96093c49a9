"""A bank, because everybody knows what must hold in one: accounts, transfers between them, and money put aside.

It is here to be stormed at. Each account is an actor; a transfer is a transaction over two to four of them; money
that is reserved comes back by itself when its time is up, which takes a timer. The state carries a `trail`, a
checksum over every fact in order, so that no two histories lead to the same state: whoever forgets, repeats or
swaps a fact is found out, and a balance that somebody was told can be placed in the account's history exactly.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

import msgspec

from actors.decider import Command, Decider, Decision, Refusal, Tick
from events.clock import Instant
from events.codec import canonical
from events.facts import Fact, FactSet

# Facts


class Opened(Fact, frozen=True):
    """The account exists, with money from outside."""

    amount: int


class Deposited(Fact, frozen=True):
    """`transfer` names what it is the other half of; empty for money from outside."""

    amount: int
    transfer: str = ""


class Withdrawn(Fact, frozen=True):
    amount: int
    transfer: str = ""


class Reserved(Fact, frozen=True):
    """Put aside until it is captured, or until its time is up."""

    id: str
    amount: int
    until: Instant


class Captured(Fact, frozen=True):
    """What was put aside has left the account."""

    id: str


class Returned(Fact, frozen=True):
    """What was put aside is free again: nobody captured it in time."""

    id: str


class Touched(Fact, frozen=True):
    """Nothing happened, and it is on record."""


AccountFact = Opened | Deposited | Withdrawn | Reserved | Captured | Returned | Touched
FACTS = FactSet[AccountFact]((Opened, Deposited, Withdrawn, Reserved, Captured, Returned, Touched))

# Commands


class Open(Command, frozen=True):
    amount: int = 0


class Deposit(Command, frozen=True):
    amount: int
    transfer: str = ""


class Withdraw(Command, frozen=True):
    """Refused when more is asked for than is free."""

    amount: int
    transfer: str = ""


class Reserve(Command, frozen=True):
    id: str
    amount: int
    for_ms: int


class Capture(Command, frozen=True):
    """Refused when the reservation is gone, or its time is up though nobody has noticed yet."""

    id: str


class Balance(Command, frozen=True):
    """A question: nothing is written."""


class Touch(Command, frozen=True):
    """Accepted of every account, open or not."""


AccountCommand = Open | Deposit | Withdraw | Reserve | Capture | Balance | Touch | Tick

# The account


class Reservation(msgspec.Struct, frozen=True):
    amount: int
    until: Instant


class Account(msgspec.Struct):
    open: bool = False
    free: int = 0
    reserved: dict[str, Reservation] = {}
    facts: int = 0
    trail: int = 0


def balance(account: Account) -> dict[str, int]:
    """What every answer tells of the account: how much, and as of which fact."""
    held = sum(one.amount for one in account.reserved.values())
    return {"free": account.free, "held": held, "facts": account.facts, "trail": account.trail}


def decide(account: Account, command: AccountCommand, at: Instant, policy: None) -> Decision[AccountFact] | Refusal:
    match command:
        case Balance():
            return Decision(reply=balance(account))
        case Tick():
            due = sorted(id for id, one in account.reserved.items() if one.until <= at)
            return _done(account, *(Returned(id) for id in due), at=at)
        case Touch():
            return _done(account, Touched(), at=at)
        case Open(amount):
            return Refusal("already_open", "it exists") if account.open else _done(account, Opened(amount), at=at)
    if not account.open:
        return Refusal("not_open", "there is no such account")
    match command:
        case Deposit(amount, transfer):
            return _done(account, Deposited(amount, transfer), at=at)
        case Withdraw(amount, transfer):
            if amount > account.free:
                return Refusal("overdraft", f"{amount} of {account.free}")
            return _done(account, Withdrawn(amount, transfer), at=at)
        case Reserve(id, amount, for_ms):
            if id in account.reserved:
                return Refusal("already_reserved", id)
            if amount > account.free:
                return Refusal("overdraft", f"{amount} of {account.free}")
            return _done(account, Reserved(id, amount, at + for_ms), at=at)
        case Capture(id):
            reservation = account.reserved.get(id)
            if reservation is None or reservation.until <= at:
                return Refusal("not_reserved", id)
            return _done(account, Captured(id), at=at)


def _done(account: Account, *facts: AccountFact, at: Instant) -> Decision[AccountFact]:
    """Accepted, and told as what fact."""
    return Decision(facts, {"facts": account.facts + len(facts)})


def evolve(account: Account, fact: AccountFact, at: Instant) -> Account:
    account.facts += 1
    account.trail = crc32(canonical(fact), account.trail ^ (at & 0xFFFFFFFF))
    match fact:
        case Opened(amount):
            account.open = True
            account.free = amount
        case Deposited(amount):
            account.free += amount
        case Withdrawn(amount):
            account.free -= amount
        case Reserved(id, amount, until):
            account.free -= amount
            account.reserved[id] = Reservation(amount, until)
        case Captured(id):
            del account.reserved[id]
        case Returned(id):
            account.free += account.reserved.pop(id).amount
    return account


def wake(account: Account) -> Instant | None:
    return min((one.until for one in account.reserved.values()), default=None)


ACCOUNT: Final[Decider[Account, AccountCommand, AccountFact, None]] = Decider(
    kind="account",
    parts=("number",),
    commands=(Open, Deposit, Withdraw, Reserve, Capture, Balance, Touch),
    facts=FACTS,
    state=Account,
    initial=lambda _actor: Account(),
    decide=decide,
    evolve=evolve,
    policy=None,
    wake=wake,
)
