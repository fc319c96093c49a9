"""Mail as it is set up: off until it is, and refused where it could not work or would tell a password."""

from __future__ import annotations

import pytest

from tidegate.config import BadSetting, load

MAIL = {"TIDEGATE_MAIL_HOST": "post.example", "TIDEGATE_MAIL_SENDER": "tickets@tidegate.example"}
LOGIN = {"TIDEGATE_MAIL_USERNAME": "us", "TIDEGATE_MAIL_PASSWORD_FILE": "/run/secrets/mail"}


def test_there_is_no_mail_until_there_is_a_server() -> None:
    """By default nobody is written to; a server and a sender are enough."""
    assert load(environ={}).settings.mail.host == ""
    mail = load(environ=MAIL | LOGIN).settings.mail
    assert (mail.host, mail.port, mail.security) == ("post.example", 587, "starttls")


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"TIDEGATE_MAIL_HOST": "post.example"}, "set mail.sender"),
        ({"TIDEGATE_MAIL_SENDER": "tickets@tidegate.example"}, "mail.sender (from TIDEGATE_MAIL_SENDER) is for mail"),
        ({"TIDEGATE_MAIL_BASE_URL": "https://nord.example"}, "set mail.host"),
        (MAIL | LOGIN | {"TIDEGATE_MAIL_SECURITY": "none"}, "for everybody to read"),
        (MAIL | {"TIDEGATE_MAIL_USERNAME": "us"}, "mail.username (from TIDEGATE_MAIL_USERNAME) is of no use alone"),
        (MAIL | {"TIDEGATE_MAIL_PASSWORD_FILE": "/x"}, "mail.password_file (from TIDEGATE_MAIL_PASSWORD_FILE) is of"),
        (MAIL | {"TIDEGATE_MAIL_SENDER": "a@b.org\r\nBcc: c@d.org"}, "does not fit"),
        (MAIL | {"TIDEGATE_MAIL_SENDER": "Nord <a@b.org>"}, "does not fit"),
        (MAIL | {"TIDEGATE_MAIL_HOST": "smtp://post.example"}, "does not fit"),
    ],
)
def test_what_would_not_work_is_refused_at_the_start(environ: dict[str, str], said: str) -> None:
    """Not when the first letter is to be sent."""
    with pytest.raises(BadSetting) as error:
        load(environ=environ)
    assert said in str(error.value)
