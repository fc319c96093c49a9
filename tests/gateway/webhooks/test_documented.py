"""What `docs/webhooks.md` tells receivers is so, and its examples believe what is sent and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from actors.webhooks.commands import SendTest
from actors.webhooks.limits import (
    ATTEMPTS_KEPT,
    DEAD_MAX,
    ENDPOINTS_MAX,
    LATE_MAX,
    OVERLAP_S,
    OVERLAP_S_MAX,
    SECRETS_LIVING_MAX,
)
from gateway.http.outgoing import TOLD
from gateway.webhooks import limits
from gateway.webhooks.retrying import next_attempt
from gateway.webhooks.signing import key_of, shown, signature
from tests.gateway.webhooks.office import SECRET, booked, hurried, office
from tests.gateway.webhooks.receiver import receiving
from tests.support.programs import not_tested

ROOT: Final = Path(__file__).parents[3]
DOCUMENT: Final = (ROOT / "docs" / "webhooks.md").read_text("utf-8")
KEY: Final = key_of(SECRET, "demo", "shop", 1)
BODY: Final = (
    b'{"id":"17-0","type":"booking.created","entity":"booking/b","data":{"booker":{"name":"\xc5\xbdofie \xc3\x97 2"}}}'
)
Outcome = tuple[int, str]
Flawed = Callable[[dict[str, str], bytes], tuple[dict[str, str], bytes]]


def block(name: str) -> str:
    """The example behind that mark."""
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found is not None
    return found[1]


def run(name: str) -> dict[str, Any]:
    """A block of Python: the names that it makes."""
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(block(name), name, "exec"), names)
    return names


def headers_of(body: bytes, at_s: int, *keys: bytes, id: str = "17-0") -> dict[str, str]:
    """As they are sent, by their names in lower case, as most servers give them."""
    signed = signature(keys or (KEY,), id, at_s, body)
    return {"webhook-id": id, "webhook-timestamp": str(at_s), "webhook-signature": signed}


def shown_delivery() -> tuple[dict[str, str], bytes, str]:
    """The delivery that stands in the document, and its secret."""
    head, body = block("delivery").rstrip("\n").split("\n\n")
    secret = re.search(r"^whsec_\S+$", DOCUMENT, re.MULTILINE)
    assert secret is not None
    return dict(line.split(": ", 1) for line in head.splitlines()[1:]), body.encode(), secret[0]


def words(table: str) -> list[tuple[str, list[str]]]:
    """Of each row, the first name, and those of its last column."""
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    return [(row[0].strip("|` "), re.findall(r"`(\w+)`", row[-1])) for row in rows]


def names_in(schema: dict[str, Any]) -> Iterator[str]:
    for name, one in schema["properties"].items():
        yield name
        if name == "tickets":
            yield from names_in(one["items"])


def test_the_events_are_those_that_are_sent() -> None:
    """Each with all that stands in its `data`."""
    table = DOCUMENT.partition("<!-- events -->")[2].partition("<!-- /events -->")[0]
    sent = [
        (event, list(names_in(item.to_schema()["post"]["requestBody"]["content"]["application/json"]["schema"]
                              ["properties"]["data"])))
        for event, item in TOLD.items()
    ]  # fmt: skip
    assert words(table) == sent


def in_words(span_ms: int) -> str:
    unit_ms, unit = next((ms, unit) for ms, unit in ((3_600_000, "h"), (60_000, "min"), (1_000, "s")) if span_ms >= ms)
    assert span_ms % unit_ms == 0
    return f"{span_ms // unit_ms} {unit}"


def test_the_numbers_are_those_that_it_goes_by() -> None:
    """How often, how long, how many."""
    backoff = ", ".join(map(in_words, limits.BACKOFF_MS))
    said = " ".join(DOCUMENT.split())
    for words in (
        f"tried again after {backoff}, and then every {in_words(limits.BACKOFF_MS[-1])}, each a fifth more or less",
        f"made {limits.TRIED_FOR_MS // 3_600_000} hours after the first",
        f"none within {limits.TIMEOUT_MS // 1_000} seconds",
        f"up to {limits.AT_ONCE_PER_ENDPOINT_MAX} at a time",
        f"has up to {limits.TICKETS_PER_BODY_MAX} tickets",
        f"when {limits.DEAD_IN_A_ROW_MAX} in a row were given up",
        f"when {limits.FAILING_MAX_MS // 86_400_000} days have passed since an attempt failed",
        f"the last {ATTEMPTS_KEPT} attempts",
        f"the last {DEAD_MAX:,} of an endpoint",
        f"as may be late together, {LATE_MAX:,};",
        f"has at most {ENDPOINTS_MAX}.",
        f"30 days at most{'' if OVERLAP_S_MAX == 30 * 86_400 else '?'})",
        f'{{"overlap_s": {OVERLAP_S}}}',
    ):
        assert words in said, words
    assert limits.JITTER_SHARE == 1 / 5 and SECRETS_LIVING_MAX == 5


def test_it_is_tried_about_fifteen_times() -> None:
    """Until a day is over."""
    attempts, at = 1, 0
    while (again := next_attempt(attempts, 0, at, 0.5)) is not None:
        attempts, at = attempts + 1, again
    assert (attempts, at) == (15, limits.TRIED_FOR_MS)


def test_the_delivery_that_is_shown_is_one() -> None:
    """Signed with the secret that is shown, of the kind that is described, and as long as it says."""
    headers, body, secret = shown_delivery()
    believes = run("receiver")["is_from_tidegate"]
    assert int(headers["Content-Length"]) == len(body)
    assert list(headers)[3:6] == [one["name"] for one in TOLD["booking.created"].to_schema()["post"]["parameters"]]
    lower = {name.lower(): value for name, value in headers.items()}
    with at_that_time(int(headers["Webhook-Timestamp"])):
        assert believes(secret, lower, body)
        assert not believes(secret, lower, body + b"\n")


@contextmanager
def at_that_time(now_s: float) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "time", lambda: now_s)
        yield


FLAWS: Final[dict[str, Flawed]] = {
    "another body": lambda headers, body: (headers, body + b" "),
    "another id": lambda headers, body: (headers | {"webhook-id": "17-1"}, body),
    "another time": lambda headers, body: (headers | {"webhook-timestamp": str(int(time.time()) + 1)}, body),
    "another key": lambda _headers, body: (headers_of(body, int(time.time()), b"another key"), body),
    "long ago": lambda _headers, body: (headers_of(body, int(time.time()) - 400), body),
    "to come": lambda _headers, body: (headers_of(body, int(time.time()) + 400), body),
    "no number": lambda headers, body: (headers | {"webhook-timestamp": "noon"}, body),
    "an endless number": lambda headers, body: (headers | {"webhook-timestamp": "9" * 5_000}, body),
    "no signature": lambda headers, body: ({**headers, "webhook-signature": ""}, body),
    "nonsense": lambda headers, body: (headers | {"webhook-signature": "v1,é"}, body),
    "no headers": lambda _headers, body: ({}, body),
}


@pytest.mark.parametrize("keys", [(KEY,), (b"newer", KEY), (KEY, b"older")], ids=["one", "newer", "older"])
def test_the_examples_believe_what_is_signed(keys: tuple[bytes, ...]) -> None:
    """By the only secret, and by either of a rotation."""
    headers = headers_of(BODY, int(time.time()), *keys)
    assert run("receiver")["is_from_tidegate"](shown(KEY), headers, BODY)
    assert run("python client")["receive"](shown(KEY), headers, BODY) == (204, "booking.created")


@pytest.mark.parametrize("flaw", FLAWS)
def test_the_examples_believe_nothing_else(flaw: str) -> None:
    """Nor do they fall over it."""
    headers, body = FLAWS[flaw](headers_of(BODY, int(time.time())), BODY)
    assert not run("receiver")["is_from_tidegate"](shown(KEY), headers, body)
    assert run("python client")["receive"](shown(KEY), headers, body)[0] == 400


def test_the_example_in_javascript_believes_the_same() -> None:
    """What is signed, and nothing else."""
    node = shutil.which("node") or not_tested("THE EXAMPLE IN JAVASCRIPT IS NOT TESTED: there is no Node here")
    good = headers_of(BODY, int(time.time()), b"newer", KEY)
    asked = [(good, BODY), *(FLAWS[flaw](good, BODY) for flaw in FLAWS)]
    told = json.dumps([[shown(KEY), headers, body.decode()] for headers, body in asked])
    script = block("js client") + (
        'let text = ""; for await (const chunk of process.stdin) text += chunk;'
        "const said = []; for (const one of JSON.parse(text)) said.push(await receive(...one));"
        "console.log(JSON.stringify(said));"
    )
    ran = subprocess.run(
        [node, "--input-type=module", "-e", script],
        cwd=ROOT / "clients" / "js", input=told, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    first, *others = json.loads(ran.stdout)
    assert first == [204, "booking.created"]
    assert [status for status, _ in others] == [400] * len(FLAWS)


def test_the_example_in_a_shell_prints_the_signature(tmp_path: Path) -> None:
    """Of the delivery that is shown, as the document says that it does."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here")
    headers, body, secret = shown_delivery()
    (tmp_path / "body.json").write_bytes(body)
    about = {"SECRET": secret, "ID": headers["Webhook-Id"], "AT": headers["Webhook-Timestamp"]}
    ran = subprocess.run(
        ["sh", "-c", block("shell")],
        cwd=tmp_path, env=os.environ | about, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert ran.stdout.strip() == headers["Webhook-Signature"].removeprefix("v1,")
    assert f"`{ran.stdout.strip()}`" in DOCUMENT


async def test_the_receiver_receives(monkeypatch: pytest.MonkeyPatch) -> None:
    """From a courier: what comes twice is taken once, and what was signed with another secret not at all."""
    hurried(monkeypatch)
    monkeypatch.setenv("TIDEGATE_SECRET", shown(KEY))
    names, said = run("receiver"), list[str]()
    names["print"] = lambda event, _entity: said.append(event)
    monkeypatch.setattr(names["Receiver"], "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), names["Receiver"]) as server:
        url = f"http://127.0.0.1:{server.server_port}/hook"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            async with office() as there:
                names["time"] = SimpleNamespace(time=lambda: there.house.clock() / 1_000)
                await there.put("shop", url)
                await there.courier()
                await there.attended()
                await there.happens(booked("b-1", "confirmed"))
                await there.shows(lambda shown: shown["delivered"] == 2)
                signed = headers_of(BODY, there.house.clock() // 1_000)
                assert [await there.http.post(url, signed, BODY) for _ in range(2)] == [204, 204]
                monkeypatch.setenv("TIDEGATE_SECRET", shown(b"another"))
                await there.ask("demo.webhook.shop", SendTest())
                seen = await there.shows(lambda shown: len(shown["attempts"]) == 3)
        finally:
            server.shutdown()
    assert [one["status"] for one in seen["attempts"]] == [204, 204, 400]
    assert said == ["booking.created", "booking.confirmed", "booking.created"]


async def test_headers_are_as_they_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """By their names, in their order."""
    hurried(monkeypatch)
    async with receiving() as receiver, office() as there:
        await there.put("shop", receiver.url)
        await there.courier()
        await there.attended()
        await there.happens(booked("b-1"))
        await there.shows(lambda shown: shown["delivered"] == 1)
    (got,) = receiver.got
    assert [name.lower() for name in shown_delivery()[0]] == list(got.headers)
    assert got.line == block("delivery").splitlines()[0]
