"""Submitting: one letter handed to the mail server that the installation is set to use.

A connection for each: handing over takes some milliseconds, a courier has a few letters under way at a time, and a
connection that is kept has to be watched. What the server says is a number, as HTTP's is: 250 is taken, 4xx is not now,
5xx is no. Its words are not kept, since they often repeat the address.

The password is read from its file each time, so that it can be changed without a restart and is in no memory for long.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, TypeAlias

import aiosmtplib
import msgspec
import structlog

from gateway.mail.addresses import domain_of
from gateway.mail.limits import PARTED_WITHIN_MS, SUBMITTED_WITHIN_MS
from gateway.webhooks.sending import REFUSED_FOR_GOOD, NotSent

log = structlog.get_logger(__name__)

Security: TypeAlias = Literal["none", "starttls", "tls"]
TAKEN: Final = 250
_NEVER: Final = 500
"""From here on, a server means: never."""


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where letters are handed over. `starttls` begins in the clear and goes on only if the server does too."""

    host: str
    port: int
    security: Security = "starttls"
    username: str = ""
    password_file: Path | None = None


class Submitting:
    """Hands letters to the server, from `sender`. `trust` is whom to believe certificates of."""

    def __init__(
        self,
        server: MailServer,
        sender: str,
        *,
        trust: ssl.SSLContext | None = None,
        within_ms: int = SUBMITTED_WITHIN_MS,
    ) -> None:
        self.sender: Final = sender
        self._server: Final = server
        self._trust: Final = trust or ssl.create_default_context()
        self._within_s: Final = within_ms / 1000

    async def submit(self, to: str, message: bytes) -> int:
        """What the server says to it; `NotSent` when it says nothing, or that it will never deliver to this address."""
        return await self._having(lambda server: server.sendmail(self.sender, [to], message))

    async def knock(self) -> int:
        """The same without a letter: whether the server takes us for who we are."""
        return await self._having(lambda server: server.noop())

    async def _having(self, done: Callable[[aiosmtplib.SMTP], Awaitable[object]]) -> int:
        server = self._connection()
        try:
            async with asyncio.timeout(self._within_s):
                await server.connect()
                await done(server)
            await _part(server)
        except aiosmtplib.SMTPRecipientsRefused as error:
            (refused,) = error.recipients
            if refused.code >= _NEVER:
                raise NotSent(REFUSED_FOR_GOOD) from None
            return refused.code
        except aiosmtplib.SMTPResponseException as error:
            log.warning("letter_not_taken", status=error.code, why=type(error).__name__)
            return error.code
        except TimeoutError:
            raise NotSent("timeout") from None
        except (ssl.SSLError, aiosmtplib.SMTPConnectError) as error:
            about_tls = isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError)
            raise NotSent("bad_certificate" if about_tls else "not_connected") from error
        except (OSError, aiosmtplib.SMTPServerDisconnected) as error:
            raise NotSent("connection_lost") from error
        except aiosmtplib.SMTPException as error:
            log.warning("letter_not_sent", why=str(error))
            raise NotSent("not_supported") from error
        finally:
            server.close()
        return TAKEN

    def _connection(self) -> aiosmtplib.SMTP:
        server = self._server
        try:
            password = server.password_file.read_text("utf-8").strip() if server.password_file is not None else None
        except (OSError, UnicodeDecodeError) as error:
            log.error("password_not_read", file=str(server.password_file), why=type(error).__name__)  # noqa: TRY400  # no bug
            raise NotSent("no_password") from None
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username or None,
            password=password,
            local_hostname=domain_of(self.sender),
            timeout=self._within_s,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=self._trust if server.security != "none" else None,
        )


async def _part(server: aiosmtplib.SMTP) -> None:
    """Say goodbye, as one does. What was taken stays taken, whatever they say to that."""
    with suppress(TimeoutError, OSError, aiosmtplib.SMTPException):
        async with asyncio.timeout(PARTED_WITHIN_MS / 1000):
            await server.quit()
