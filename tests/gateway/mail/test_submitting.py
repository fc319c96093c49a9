"""Handing a letter over, to a real server: when it is taken, when it is not, and by whose certificate."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from gateway.mail.submitting import MailServer, Security, Submitting
from gateway.webhooks.sending import REFUSED_FOR_GOOD, NotSent
from tests.gateway.mail.post_office import PASSWORD, SENDER, USER, PostOffice, post_office
from tests.gateway.webhooks.test_sending import certified

LETTER = b"Subject: Hello\r\nMessage-ID: <1@tidegate.example>\r\n\r\n.A line that begins with a dot\r\n"


def submitting(post: PostOffice, security: Security = "none", trust: ssl.SSLContext | None = None, **about: Any) -> Any:
    server = MailServer(host="localhost", port=post.port, security=security, **about)
    return Submitting(server, SENDER, trust=trust, within_ms=2_000)


async def why_not(by: Submitting) -> str:
    """The code of what stands against it."""
    with pytest.raises(NotSent) as error:
        await by.submit("ann@example.org", LETTER)
    return error.value.code


async def test_a_letter_arrives_as_it_is() -> None:
    """From us, to whom it is for, with every dot."""
    async with post_office() as post:
        assert await submitting(post).submit("ann@example.org", LETTER) == 250
        (letter,) = post.letters
        assert (letter.sender, letter.to, letter.raw) == (SENDER, ["ann@example.org"], LETTER)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_over_tls_we_say_who_we_are(security: Security, tmp_path: Path) -> None:
    """Encrypted from where it is said to be; the password is read anew each time."""
    ours, theirs = certified(tmp_path, "localhost")
    password = tmp_path / "password"
    password.write_text(f"{PASSWORD}\n", "utf-8")
    async with post_office(tls=ours, security=security, login=True) as post:
        by = submitting(post, security, theirs, username=USER, password_file=password)
        assert await by.submit("ann@example.org", LETTER) == 250
        assert (post.letters[0].encrypted, post.logins) == (True, [(USER, PASSWORD)])
        password.write_text("another", "utf-8")
        assert await by.knock() == 535
        password.unlink()
        assert await why_not(by) == "no_password"


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_stranger_is_told_nothing(security: Security, tmp_path: Path) -> None:
    """Whose certificate nobody vouches for, or who goes by another name, gets neither password nor letter."""
    ours, _ = certified(tmp_path, "localhost")
    elsewhere, believed = certified(tmp_path, "other.example")
    for server, trust in ((ours, None), (elsewhere, believed)):
        async with post_office(tls=server, security=security, login=True) as post:
            password = tmp_path / "password"
            password.write_text(PASSWORD, "utf-8")
            by = submitting(post, security, trust, username=USER, password_file=password)
            assert await why_not(by) == "bad_certificate"
            assert not post.logins and not post.letters


async def test_a_server_that_stays_in_the_clear_is_refused() -> None:
    """Who says starttls means it: nothing is sent where somebody took the offer out of the conversation."""
    async with post_office() as post:
        assert await why_not(submitting(post, "starttls")) == "not_supported"
        assert post.letters == []


async def test_what_the_server_says_is_its_number() -> None:
    """Not now, of the letter or of the address, is told; never, of the address, is called so."""
    async with post_office() as post:
        by = submitting(post)
        for said, status in (("451 later", 451), ("554 we do not like it", 554)):
            post.answers = lambda _letter, said=said: said  # type: ignore[misc]  # each its own
            assert await by.submit("ann@example.org", LETTER) == status
        post.recipient = lambda _address: "450 their mailbox is busy"
        assert await by.submit("ann@example.org", LETTER) == 450
        post.recipient = lambda _address: "550 nobody of that name"
        assert await why_not(by) == REFUSED_FOR_GOOD


async def test_what_is_no_answer_is_called_by_what_it_is() -> None:
    """Silence, and a closed door."""
    async with post_office() as post:
        post.answers = lambda _letter: None
        assert await why_not(submitting(post)) == "timeout"
        closed = submitting(post)
    assert await why_not(closed) == "not_connected"
