"""What is written, and what is not: letters without a mail server."""

from __future__ import annotations

import email.policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from actors.webhooks.checks import check_url, sender_named
from events.calendar.quantum import MINUTE_MS, Span
from events.catalog import Catalog, EventType, Resource
from events.day import Booker, Item, Status, Wish
from events.webhooks import EVENTS
from gateway.mail import messages
from gateway.mail.addresses import deliverable
from gateway.mail.letters import ABOUT, From, Invitation, Letter, harmless, is_true, letter_of, one_line
from gateway.mail.limits import NAME_CHARACTERS_MAX
from gateway.mail.messages import Misread, message_of
from projections.questions import Row

START = 1_796_644_800_000
"""2026-12-07T12:00:00Z."""
BEFORE = START - 86_400_000
CATALOG = Catalog(
    active={"studio": Resource("studio", "Studio North", "Europe/Berlin")},
    retired={"mics": Resource("mics", "Mikrofone für alle", "UTC", 4)},
    event_types={"session": EventType("session", "Recording session")},
)
ROW = Row(
    "studio.2026-12-07.b-1", Wish("session", START, 120, (Item("studio"), Item("mics", 2))),
    Span(START, START + 120 * MINUTE_MS), "confirmed", Booker("Ann Ünal", "ann@example.org", "+49 1"),
    {"project": "a secret song"}, BEFORE, None, 0, "", 7,
)  # fmt: skip
BY = From("tickets@tidegate.example", "Nord Studios", "https://nord.example")
ENCODED = "=?utf-8?q?=0d=0aBcc=3A_evil=40evil.example?="
"""What the library would decode, line break and all."""
EVIL = "Eve\r\nBcc: everybody@example.org\r\n\r\nBuy at https://evil.example now"


def row(status: Status = "confirmed", **about: Any) -> Row:
    return msgspec.structs.replace(ROW, status=status, **about)


def written(event: str = "booking.confirmed", of: Row = ROW, by: From = BY) -> Letter:
    return letter_of(event, "demo", of, CATALOG, by, "ann@example.org", BEFORE)


def invited(letter: Letter) -> Invitation:
    assert letter.invitation is not None
    return letter.invitation


def read(letter: Letter, by: From = BY) -> EmailMessage:
    """The message of the letter, as a mail program reads it."""
    raw = message_of(letter, by, "7-0.log.demo", "thread", BEFORE)
    assert all(len(line) <= 998 and line.isascii() for line in raw.split(b"\r\n"))
    return BytesParser(policy=email.policy.default).parsebytes(raw)


def test_a_letter_says_what_when_and_where() -> None:
    """By the clocks of where it takes place, in text and in HTML, with where to see it."""
    letter = written()
    assert letter.subject == "Confirmed: Recording session, Monday, 7 December 2026"
    for said in (letter.text, letter.html):
        assert "Dear Ann Ünal," in said and "Nord Studios" in said
        assert "Monday, 7 December 2026, 13:00 to 15:00 (Europe/Berlin)" in said
        assert "Studio North, 2 × Mikrofone für alle" in said
        assert "https://nord.example/demo/bookings/studio.2026-12-07.b-1" in said
        assert "$" not in said and "a secret song" not in said and "+49" not in said
    assert "https://" not in written(by=From(BY.address, BY.name)).text


def test_over_midnight_both_days_are_named() -> None:
    """And with what is gone from the catalog, what is known of it."""
    wish = Wish("gone", START, 36 * 60, (Item("away"),))
    letter = written(of=row(wish=wish))
    assert "Monday, 7 December 2026, 12:00 to Wednesday, 9 December 2026, 00:00 (UTC)" in letter.text
    assert "gone" in letter.subject and "away" in letter.text


@pytest.mark.parametrize("event", sorted(ABOUT))
def test_every_happening_has_its_sentences(event: str) -> None:
    """A subject, and a paragraph of its own; each is one that webhooks know, too."""
    status = min(ABOUT[event].statuses)
    letters = {each: written(each, row(min(ABOUT[each].statuses))) for each in ABOUT}
    assert event in EVENTS
    assert is_true(event, row(status), None, BEFORE)
    assert letters[event].subject and "\n" not in letters[event].subject
    assert sum(letters[event].text == letter.text for letter in letters.values()) == 1


@pytest.mark.parametrize(
    ("event", "of", "now", "true"),
    [
        ("booking.confirmed", row(), BEFORE, True),
        ("booking.confirmed", row("cancelled"), BEFORE, False),
        ("booking.confirmed", row(), START + 1, True),
        ("booking.confirmed", row(), START + 120 * MINUTE_MS, False),
        ("booking.pending", row("confirmed"), BEFORE, False),
        ("booking.reminder", row(), START - 1, True),
        ("booking.reminder", row(), START, False),
        ("booking.reminder", row("cancelled"), BEFORE, False),
        ("booking.cancelled", row("cancelled"), START + 86_400_000, True),
    ],
)
def test_what_is_true_no_more_is_not_written(event: str, of: Row, now: int, true: bool) -> None:
    """Nobody is reminded of what was cancelled, or of what has begun; that it was cancelled is always worth saying."""
    assert is_true(event, of, None, now) is true


def test_of_two_moves_the_last_is_written_about() -> None:
    """The one before it would say the same."""
    assert not is_true("booking.rescheduled", row(version=2), 1, BEFORE)
    assert is_true("booking.rescheduled", row(version=2), 2, BEFORE)


def test_a_calendar_takes_it_in_moves_it_and_takes_it_out() -> None:
    """The same UID throughout, a SEQUENCE that only grows, and a method that says what to do."""
    seen = []
    for event, of in (
        ("booking.pending", row("pending")),
        ("booking.confirmed", row()),
        ("booking.rescheduled", row(version=1)),
        ("booking.cancelled", row("cancelled", version=1)),
    ):
        calendar = Calendar.from_ical(invited(written(event, of)).calendar)
        (one,) = calendar.walk("VEVENT")
        assert one["uid"] == "studio.2026-12-07.b-1@demo"
        assert (one["organizer"], one["attendee"]) == ("mailto:tickets@tidegate.example", "mailto:ann@example.org")
        seen.append((str(calendar["method"]), str(one["status"]), str(one["sequence"])))
    assert seen == [
        ("REQUEST", "TENTATIVE", "0"), ("REQUEST", "CONFIRMED", "0"),
        ("REQUEST", "CONFIRMED", "1"), ("CANCEL", "CANCELLED", "2"),
    ]  # fmt: skip


def test_a_letter_is_one_message() -> None:
    """Text and HTML to choose from, the calendar among them and as a file; and nobody's machine is to answer it."""
    message = read(written())
    kinds = [part.get_content_type() for part in message.walk()]
    assert kinds == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar", "application/ics",
    ]  # fmt: skip
    assert str(message["From"]) == "Nord Studios <tickets@tidegate.example>"
    assert str(message["To"]) == "Ann Ünal <ann@example.org>"
    assert message["Message-ID"] == "<7-0.log.demo@tidegate.example>"
    assert message["References"] == "<thread@tidegate.example>"
    assert message["Auto-Submitted"] == "auto-generated"


# ---------------------------------------------------------------------------------------------------- hostile


def typed(most: int) -> st.SearchStrategy[str]:
    """What somebody may type, who knows how mail is written."""
    encoded = st.sampled_from(
        (
            ENCODED, "=?utf-8?q?=0d=0a=0d=0aPay_now?=", "=?utf-8?q?=ff?=", "=?utf-8?b?DQpYOiB5?=", "=?utf-8?b?=ff",
            "=?", "?=", "=?utf-8?q?", "=0d=0a", "=", "?", "＝？", " ", '"', ",", "\u00ad",
        )
    )  # fmt: skip
    return st.lists(encoded | st.text(max_size=10), max_size=6).map(lambda parts: "".join(parts)[:most])


@given(typed(80), typed(80), typed(80), typed(64))
def test_nothing_that_anybody_typed_makes_a_header(name: str, reason: str, title: str, sender: str) -> None:
    """Whatever lines it has: a message has the headers that we gave it, and one recipient."""
    catalog = msgspec.structs.replace(CATALOG, event_types={"session": EventType("session", title)})
    of = row("declined", booker=Booker(name, "ann@example.org"), reason=reason)
    by = From(BY.address, sender)
    letter = letter_of("booking.declined", "demo", of, catalog, by, "ann@example.org", BEFORE)
    message = read(letter, by)
    assert not message.defects and message.is_multipart()
    assert sorted(message.keys()) == sorted(
        ("From", "To", "Subject", "Date", "Message-ID", "References", "Auto-Submitted", "MIME-Version", "Content-Type")
    )
    assert [address.addr_spec for address in message["To"].addresses] == ["ann@example.org"]
    assert [address.addr_spec for address in message["From"].addresses] == [BY.address]


def test_a_name_with_lines_or_a_link_is_left_out() -> None:
    """Whoever is written to may not be who booked: strangers put no words into our mouth."""
    for typed in (
        EVIL,
        "go to evil.example",
        "www evil",
        "a/b",
        "x@y",
        "evil。example",
        ENCODED,
        "evil ＝？utf-8？q？=ff？＝",
        "A" * (NAME_CHARACTERS_MAX + 1),
    ):
        letter = written("booking.declined", row("declined", booker=Booker(typed, "ann@example.org"), reason=typed))
        if len(typed) <= NAME_CHARACTERS_MAX:
            assert "The reason that was given" not in letter.text
        assert letter.text.startswith("Hello,") and letter.name == ""
        assert "evil" not in letter.text + letter.html + letter.subject + invited(letter).calendar.decode()
    plain = written("booking.declined", row("declined", reason="We are sorry. The roof leaks."))
    assert "The reason that was given: We are sorry. The roof leaks." in plain.text


@pytest.mark.parametrize("part", ["title", "sender", "resource", "name"])
@pytest.mark.parametrize(
    "said", [ENCODED, "=?utf-8?q?=0d=0a=0d=0aPay_now?=", "=?utf-8?q?=ff?=", "x =?utf-8?b?DQpYOg==?= y"]
)
def test_an_encoded_word_is_not_decoded(part: str, said: str) -> None:
    """Whoever it comes from: it makes no header, no text, and no letter that cannot be written."""
    catalog = Catalog(
        active={"studio": Resource("studio", said if part == "resource" else "Studio", "Europe/Berlin")},
        event_types={"session": EventType("session", said if part == "title" else "Session")},
    )
    by = From(BY.address, said if part == "sender" else BY.name)
    letter = letter_of("booking.confirmed", "demo", ROW, catalog, by, "ann@example.org", BEFORE)
    if part == "name":
        letter = letter._replace(name=said)
    message = read(letter, by)
    assert "Bcc" not in message and message.is_multipart() and not message.defects
    if part == "title":
        assert str(message["Subject"]) == f"Confirmed: {said.replace('=?', '= ?')}, Monday, 7 December 2026"


@pytest.mark.parametrize("said", [ENCODED, "=?utf-8?q?=0d=0a=0d=0aPay_now?="])
def test_a_message_that_says_more_than_the_letter_is_not_sent(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever we may overlook some day: it is looked at once more in what was made."""
    monkeypatch.setattr(messages, "one_line", str)
    for letter, by in (
        (written()._replace(name=said), BY),
        (written()._replace(subject=said), BY),
        (written(), From(BY.address, said)),
    ):
        with pytest.raises(Misread):
            message_of(letter, by, "7-0.log.demo", "thread", BEFORE)


def test_html_is_escaped() -> None:
    """Titles and names of an organisation, too: all that is put into it."""
    catalog = Catalog(active={}, event_types={"session": EventType("session", "<img src=x onerror=alert(1)>")})
    by = From(BY.address, "<script>", "https://nord.example/?a=\"'><b>")
    html = letter_of("booking.confirmed", "demo", ROW, catalog, by, "ann@example.org", BEFORE).html
    assert "<img" not in html and "<script" not in html and "<b>" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


@given(st.text(max_size=100))
def test_what_is_harmless_is_one_line_without_a_link(text: str) -> None:
    """Whatever it was; and as it was, if it had nothing of the kind."""
    shown = harmless(text, NAME_CHARACTERS_MAX)
    assert shown == one_line(shown) and len(shown) <= NAME_CHARACTERS_MAX
    assert not set("/\\@<>\r\n\0") & set(shown)


@pytest.mark.parametrize(
    ("typed", "envelope"),
    [
        ("ann@example.org", "ann@example.org"),
        ("o'neil+tag@sub.example.co.uk", "o'neil+tag@sub.example.co.uk"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann", None),
        ("ann@localhost", None),
        ("root@[127.0.0.1]", None),
        ("ann@127.0.0.1", None),
        ('"a b"@example.org', None),
        ("ann@example.org>,<eve@example.org", None),
        ("ann@example.org\r\nRCPT TO:<eve@example.org>", None),
        ("ann\r\n@example.org", None),
        ("ann@example.org, eve@example.org", None),
        ("a..b@example.org", None),
        ("ann@-example.org", None),
        ("änn@example.org", None),
        ("a" * 65 + "@example.org", None),
        ("ann@" + "a" * 64 + ".org", None),
        ("ann@" + "a." * 130 + "org", None),
        ("ann@exa mple.org", None),
        ("ann@ex。ample.org", "ann@ex.ample.org"),
        ("ann@\u200b.org", None),
        ("@example.org", None),
        ("=?utf-8?q?=0d=0aBcc?=@example.org", None),
        ("a=?utf-8?q?b?=@example.org", None),
        ("a=b?c@example.org", "a=b?c@example.org"),
        ("", None),
    ],
)
def test_letters_go_to_plain_mailboxes_only(typed: str, envelope: str | None) -> None:
    """No list, no quotes, no machine of ours; other scripts by the ASCII that stands for them."""
    assert deliverable(typed) == envelope


@given(st.text())
def test_an_address_is_one_word(text: str) -> None:
    """Whatever was typed, what goes to a server has nothing that would end a command, or begin another."""
    address = deliverable(text)
    assert address is None or (address.isascii() and address.isprintable() and not set(' <>,;:"\\()[]') & set(address))


@pytest.mark.parametrize(
    ("url", "name"),
    [("mail:", ""), ("mail:Nord%20Studios", "Nord Studios"), ("mail:Gr%C3%B6%C3%9Fe", "Größe"), ("MAIL:x", "x")],
)
def test_an_endpoint_for_letters_says_who_they_are_from(url: str, name: str) -> None:
    """Behind the colon."""
    assert check_url(url) is None and sender_named(url) == name


@pytest.mark.parametrize("url", ["mail:a%0D%0ABcc:%20x", "mail:%00", "mail:" + "a" * 65, "mail:a b", "mailto:a@b.org"])
def test_who_letters_are_from_is_a_name(url: str) -> None:
    """On one line, and not too long."""
    refusal = check_url(url)
    assert refusal is not None and refusal.code == "bad_url"
