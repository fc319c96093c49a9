"""Signatures of what is sent, in the form of Standard Webhooks: any of its libraries checks them.

What is signed is `<id>.<timestamp>.<body>`, by HMAC-SHA256 with each secret of the endpoint that is living; the
header has one `v1,<base64>` for each of them. The timestamp is that of the attempt, so whoever receives can refuse what
is old; the id is that of the happening, so they can drop what they have had.

A secret is worked out from the installation's own and the number of its generation, and shown as `whsec_<base64>`: in
the ordinary alphabet, which is the one that those libraries read.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from gateway.secret import Secret

PREFIX: Final = "whsec_"
PURPOSE: Final = "webhook"


def key_of(secret: Secret, org: str, endpoint: str, generation: int) -> bytes:
    """What one generation of an endpoint's secrets is."""
    return secret.derive(PURPOSE, org, endpoint, str(generation))


def shown(key: bytes) -> str:
    """As whoever receives types it into their settings."""
    return PREFIX + b64encode(key).decode()


def signature(keys: Iterable[bytes], id: str, timestamp: int, body: bytes) -> str:
    """The value of `Webhook-Signature`; `timestamp` in whole seconds."""
    signed = f"{id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{b64encode(hmac.digest(key, signed, sha256)).decode()}" for key in keys)
