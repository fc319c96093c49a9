"""The pages in a real browser, on a real system. What they look like is left in the folder of the test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from events.webhooks import EVENTS
from tests.browser.site import Site

pytestmark = pytest.mark.xdist_group("browser")

WITHIN_MS: Final = 20_000
DESK: Final[Any] = {"width": 1_100, "height": 900}
PHONE: Final[Any] = {"width": 390, "height": 844}
STUDIO: Final = "studio-south"


class Seen:
    """A page, and what its browser has complained of."""

    def __init__(self, page: Page) -> None:
        self.page: Final = page
        self.complaints: Final[list[str]] = []
        page.set_default_timeout(WITHIN_MS)
        page.on("console", self._told)
        page.on("pageerror", lambda error: self.complaints.append(f"{error}"))

    def _told(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def at(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def shows(self, selector: str, text: str | re.Pattern[str]) -> None:
        expect(self.at(selector)).to_have_text(text, timeout=WITHIN_MS)

    def is_live(self) -> None:
        expect(self.at("#connection")).to_have_attribute("data-is", "open", timeout=WITHIN_MS)


@contextmanager
def seen(browser: Browser, url: str, **how: Any) -> Iterator[Seen]:
    context = browser.new_context(**{"viewport": DESK, "reduced_motion": "reduce"} | how)
    try:
        page = context.new_page()
        found = Seen(page)
        page.goto(url)
        yield found
    finally:
        context.close()


def run_at(use: str, clock: str) -> str:
    return f"[data-resource={STUDIO}] .run[data-use={use}][data-start='{clock}']"


def tomorrow(page: Seen) -> str:
    """The date that the page shows when it is told to show tomorrow."""
    page.at("#later").click()
    page.shows("#calendar-title", "Tomorrow")
    strip = page.at(f"[data-resource={STUDIO}] .strip")
    expect(strip).to_have_attribute("aria-label", re.compile(r"\d{4}-\d{2}-\d{2}: "), timeout=WITHIN_MS)
    label = strip.get_attribute("aria-label")
    assert label is not None
    return label[:10]


def free_start(site: Site, date: str, skip: int = 0) -> tuple[str, str]:
    """A free start of an hour's session, and the clock at which its buffer begins."""
    slots = site.ask("GET", f"/slots?event_type=session&resource={STUDIO}&date={date}&duration=60")
    free = [slot["start"] for slot in slots if slot["state"] == "free" and slot["start"][11:13] > "03"]
    start: str = free[skip]
    return start, f"{int(start[11:13]) - 1:02}:45"


def test_the_first_page_changes_as_things_happen(browser: Browser, site: Site, tmp_path: Path) -> None:
    """A hold, a booking and a waiting room are seen without a reload, and the page goes on when its gateway was killed
    and started again."""
    visitors = [site.visitor() for _ in range(3)]
    with seen(browser, site.url) as page:
        page.is_live()
        expect(page.at(".resource")).to_have_count(4)
        page.page.evaluate("window.unloaded = false")
        date = tomorrow(page)
        start, clock = free_start(site, date)
        wish = {"event_type": "session", "resource": STUDIO, "start": start, "duration": 60}
        hold = site.ask("POST", "/holds", wish, visitors[0])["hold"]
        expect(page.at(run_at("held", clock))).to_be_visible(timeout=WITHIN_MS)
        page.page.screenshot(path=tmp_path / "held.png")
        site.ask("POST", "/bookings", wish | {"hold": hold}, visitors[0])
        expect(page.at(run_at("full", clock))).to_be_visible(timeout=WITHIN_MS)
        expect(page.at(run_at("held", clock))).to_have_count(0)

        site.owner("PUT", "/rooms/page", {"title": "The launch", "capacity": 1, "straight_through": False})
        page.shows("[data-room=page] h3", "The launch")
        page.shows("[data-room=page] .phase", "not open yet")
        site.owner("POST", "/rooms/page/open")
        page.shows("[data-room=page] .phase", "open")
        tickets = [site.ask("POST", "/rooms/page/tickets", {}, visitor)["ticket"] for visitor in visitors]
        page.shows("[data-room=page] [data-is=waiting] dd", "2")
        page.shows("[data-room=page] [data-is=called] dd", "1")
        site.ask("POST", f"/rooms/page/tickets/{tickets[0]}/claim", token=visitors[0])
        page.shows("[data-room=page] [data-is=inside] dd", "1")
        page.page.screenshot(path=tmp_path / "board.png", full_page=True)
        assert page.complaints == []

        site.kill()
        expect(page.at("#connection")).not_to_have_attribute("data-is", "open", timeout=WITHIN_MS)
        expect(page.at(f"[data-resource={STUDIO}][data-stale]")).to_be_visible(timeout=WITHIN_MS)
        expect(page.at(run_at("full", clock))).to_be_visible()
        page.page.screenshot(path=tmp_path / "away.png")
        site.ask("POST", f"/rooms/page/tickets/{tickets[2]}/leave", token=visitors[2])
        site.start()
        page.is_live()
        page.shows("[data-room=page] [data-is=waiting] dd", "1")
        start, clock = free_start(site, date, skip=2)
        site.ask("POST", "/holds", wish | {"start": start}, visitors[1])
        expect(page.at(run_at("held", clock))).to_be_visible(timeout=WITHIN_MS)
        assert page.page.evaluate("window.unloaded") is False, "it was loaded anew"
        assert not [said for said in page.complaints if "Content Security Policy" in said]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desk", "phone"])
def test_the_first_page_fits_and_is_still(browser: Browser, site: Site, tmp_path: Path, scheme: Any, size: str) -> None:
    """In light and dark, on a desk and on a phone, with nothing wider than the screen."""
    with seen(browser, site.url, color_scheme=scheme, viewport=DESK if size == "desk" else PHONE) as page:
        page.is_live()
        tomorrow(page)
        page.page.screenshot(path=tmp_path / f"{scheme}-{size}.png", full_page=True)
        assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.complaints == []


def test_a_holiday_is_closed_unless_it_is_said_to_be_open(browser: Browser, site: Site) -> None:
    """As `/slots` has it: what is said of a date comes before the holiday, and that before the week."""
    day = {"start": "09:00", "end": "17:00"}
    schedule = {
        "time_zone": "Europe/Berlin",
        "weekly": {"fri": [day]},
        "overrides": {"2026-12-25": [day]},
        "holidays": {"2026-12-25": "Erster Weihnachtstag", "2027-01-01": "Neujahr"},
    }
    with seen(browser, site.url) as page:
        ask = """async ([schedule, dates]) => {
            const { openSlots } = await import("/assets/hours.js");
            const of = (date) => ({ tz: schedule.time_zone, date, slots: [{ clock: "10:00" }] });
            return dates.map((date) => openSlots(schedule, of(date))[0]);
        }"""
        assert page.page.evaluate(ask, [schedule, ["2026-12-18", "2026-12-25", "2027-01-01"]]) == [True, True, False]


def test_an_organisation_without_anything_says_so(browser: Browser, site: Site) -> None:
    """`?org=` names it."""
    with seen(browser, f"{site.url}/?org=nobody") as page:
        page.is_live()
        expect(page.at("#note")).to_contain_text("nothing in the organisation “nobody”", timeout=WITHIN_MS)
        page.shows("#org", "nobody")
        expect(page.at(".resource")).to_have_count(0)


def test_every_operation_is_described_and_can_be_tried(browser: Browser, site: Site, tmp_path: Path) -> None:
    """From what the gateway says of itself, with the same request as a line of curl."""
    with seen(browser, f"{site.url}/docs") as page:
        described = site_operations(page.page, site)
        expect(page.at(".operation:not(.sent)")).to_have_count(described, timeout=WITHIN_MS)
        for operation in page.at(".operation:not(.sent)").all():
            operation.locator("summary").click()
            expect(operation.locator(".try")).to_be_visible()
        page.at("#begin").click()
        expect(page.at("#token")).to_have_value(re.compile(r"ts\.demo\."), timeout=WITHIN_MS)
        join = page.at(".operation[data-name='POST /v1/{org}/rooms/{room}/tickets']")
        join.locator("input[name=room]").fill("launch")
        join.get_by_role("button", name="Send").click()
        expect(join.locator(".status")).to_contain_text("201", timeout=WITHIN_MS)
        expect(join.locator("pre").last).to_contain_text(f"{site.url}/v1/demo/rooms/launch/tickets")
        expect(join.locator("pre").last).not_to_contain_text("ts.demo")  # a token is nobody's to copy by accident
        join.scroll_into_view_if_needed()
        page.page.screenshot(path=tmp_path / "docs.png")
        assert page.complaints == []


def test_what_webhooks_are_sent_is_described(browser: Browser, site: Site, tmp_path: Path) -> None:
    """Every event, with an example of its body; there is nothing to try."""
    with seen(browser, f"{site.url}/docs") as page:
        sent = page.at("section[data-tag=Webhooks] .operation.sent")
        expect(sent).to_have_count(len(EVENTS) + 1, timeout=WITHIN_MS)
        called = page.at(".operation.sent[data-name='POST ticket.called']")
        called.locator("summary").click()
        for words in ("Webhook-Signature", "until", "Gone: nothing more is sent", '"type": "ticket.called"'):
            expect(called).to_contain_text(words)
        expect(called.locator(".try")).to_have_count(0)
        called.scroll_into_view_if_needed()
        page.page.screenshot(path=tmp_path / "sent.png")
        assert page.complaints == []


def site_operations(page: Page, site: Site) -> int:
    paths = page.request.get(f"{site.url}/docs/openapi.json").json()["paths"]
    return sum(method in {"get", "post", "put", "delete"} for path in paths.values() for method in path)


def test_the_protocol_can_be_spoken_by_hand(browser: Browser, site: Site, tmp_path: Path) -> None:
    """A message that is typed is said, and what comes is shown."""
    with seen(browser, f"{site.url}/docs/streams") as page:
        page.at("#examples").select_option("follow a room")
        page.page.get_by_role("button", name="Say").click()
        expect(page.at("#said")).to_contain_text('"type":"snapshot","id":3,"topic":"room/launch"', timeout=WITHIN_MS)
        page.page.screenshot(path=tmp_path / "streams.png", full_page=True)
        assert page.complaints == []


def test_a_page_speaks_to_nobody_but_its_gateway(browser: Browser, site: Site) -> None:
    """Whatever its scripts are made to try."""
    with seen(browser, site.url) as page:
        page.is_live()
        said = page.page.evaluate("fetch('https://example.com').then(() => 'sent', error => String(error))")
        assert "Failed to fetch" in said
        assert any("Content Security Policy" in complaint for complaint in page.complaints)
