"""Direct gets, answered by a server that cannot read all that it has: what is not known is never taken for nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from nats.aio.msg import Msg

from events.errors import LogUnavailable
from events.nats.client import QuickClient
from events.nats.connection import Connection
from events.nats.direct import Attempt, DirectGet
from events.nats.replies import Replies
from events.nats.shelf import JetStreamShelf

NO_RESULTS = {"Status": "404", "Description": "No Results"}
NOT_FOUND = {"Status": "404", "Description": "Message Not Found"}
FAILED = {"Status": "500", "Description": "read error"}
ACTORS = ("log.demo.line.a", "log.demo.line.b")


def message(sequence: int, previous: int) -> dict[str, str]:
    return {"Nats-Subject": "log.demo.line.a", "Nats-Sequence": str(sequence), "Nats-Last-Sequence": str(previous)}


def end(last: int, pending: int = 0) -> dict[str, str]:
    return {
        "Status": "204",
        "Description": "EOB",
        "Nats-Num-Pending": str(pending),
        "Nats-Last-Sequence": str(last),
        "Nats-UpTo-Sequence": "9",
    }


WHOLE = [message(3, 0), message(7, 3), end(7)]
CUT = [message(3, 0), NOT_FOUND]

Run = Sequence[Mapping[str, str]]


class Scripted(QuickClient):
    """Answers each request with the next of the runs, and with the last one from then on."""

    def __init__(self, *runs: Run) -> None:
        super().__init__()
        self.runs = list(runs)
        self.asked = 0
        connection = Connection(self)
        connection._up.set()
        self.replies = Replies(connection)

    def post(self, subject: str, data: bytes, reply: str = "", headers: Mapping[str, str] | None = None) -> None:
        self.asked += 1
        run = self.runs.pop(0) if len(self.runs) > 1 else self.runs[0]
        for answer in run:
            body = b"" if "Status" in answer else b"body"
            self.replies._on_answer(Msg(self, reply, "", body, dict(answer)))


async def last_of(server: Scripted) -> list[int]:
    found = await DirectGet(server.replies, "log").last_of(ACTORS, Attempt("two actors"))
    return [int((one.headers or {})["Nats-Sequence"]) for one in found]


async def test_no_results_at_the_beginning_is_nothing() -> None:
    """None of the actors has a commit, by the server's word."""
    assert await last_of(Scripted([NO_RESULTS])) == []


@pytest.mark.parametrize("broken", [CUT, [NOT_FOUND], [message(3, 0), NO_RESULTS], [FAILED], [message(3, 0), FAILED]])
async def test_a_broken_run_is_asked_for_again(broken: Run) -> None:
    """A run that ends otherwise than it should says nothing about any of the actors; the next one may be whole."""
    assert await last_of(Scripted(broken, broken, WHOLE)) == [3, 7]


@pytest.mark.parametrize("broken", [CUT, [NOT_FOUND], [FAILED]])
async def test_what_cannot_be_read_is_not_there_for_now(broken: Run) -> None:
    """A run that is broken every time makes the log unavailable after a few tries, and no actor new."""
    server = Scripted(broken)
    with pytest.raises(LogUnavailable, match="cannot read"):
        await last_of(server)
    assert server.asked < 10


@pytest.mark.parametrize("broken", [[NO_RESULTS], [NOT_FOUND], [FAILED]])
async def test_a_run_that_must_go_on_goes_on(broken: Run) -> None:
    """When the first run says that there is more, a second one with nothing is broken, and never the end."""
    first = [message(3, 0), end(3, pending=1)]
    assert await last_of(Scripted(first, broken, [message(7, 0), end(7)])) == [3, 7]
    with pytest.raises(LogUnavailable):
        await last_of(Scripted(first, broken))


async def test_a_page_with_nothing_is_empty() -> None:
    """Of one actor's next commits the server says in other words that there are none."""
    assert await DirectGet(Scripted([NOT_FOUND]).replies, "log").page("log.demo.line.a", 7, Attempt("a page")) == []


@pytest.mark.parametrize("broken", [CUT, [FAILED]])
async def test_a_shelf_that_cannot_be_read_is_empty(broken: Run) -> None:
    """Nobody hears of an error from a cache."""
    shelf = JetStreamShelf(Scripted(broken).replies)
    shelf._stands = True
    assert await shelf.get(["demo.line.a"]) == {}
