"""Every limit of mail, in one place; units last; their relations asserted."""

from __future__ import annotations

from typing import Final

from gateway.webhooks.limits import TIMEOUT_MS as WEBHOOK_TIMEOUT_MS

ADDRESS_CHARACTERS_MAX: Final = 254
"""Of what stands on an envelope (RFC 5321)."""
MAILBOX_CHARACTERS_MAX: Final = 64
"""Before the @."""
NAME_CHARACTERS_MAX: Final = 64
"""Of a person, in a greeting."""
REASON_CHARACTERS_MAX: Final = 500
ASKED_WITHIN_MS: Final = 3_000
"""How long the read models have for an answer."""
SUBMITTED_WITHIN_MS: Final = 10_000
"""How long handing a letter over may take: connecting, introducing ourselves, and the letter."""
PARTED_WITHIN_MS: Final = 500
"""And saying goodbye, when it was taken."""

assert SUBMITTED_WITHIN_MS <= WEBHOOK_TIMEOUT_MS, "it is one attempt like any other"
