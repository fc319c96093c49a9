"""Webhooks: whether a delivery is really from the gateway (Standard Webhooks, version 1).

What is signed is `<id>.<timestamp>.<body>`, by HMAC-SHA256 with the endpoint's secret. While a secret is being changed
there is a signature by each; one that fits is enough. The same `id` may come twice: a receiver drops what it has had.
"""

from __future__ import annotations

import hmac
import json
import time
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal, TypeAlias

from tidegate_client.limits import DELIVERY_AGE_S_MAX

Flaw: TypeAlias = Literal["bad_headers", "too_old", "too_new", "bad_signature"]
_PREFIX: Final = "whsec_"


class BadDelivery(Exception):
    """Not from the gateway, or not now: answer 400, and believe nothing that it says."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw)
        self.flaw: Final = flaw


@dataclass(frozen=True)
class Delivery:
    """`id` is that of what happened; `at_s` when it was sent, in Unix seconds."""

    id: str
    at_s: int
    body: bytes

    @property
    def said(self) -> Any:
        return json.loads(self.body)


def verify_webhook(
    secret: str | Sequence[str],
    headers: Mapping[str, str],
    body: bytes | str,
    *,
    now_s: float | None = None,
    age_s_max: int = DELIVERY_AGE_S_MAX,
) -> Delivery:
    """What was delivered; `BadDelivery` when it cannot be believed. `body` is as it came, before anybody has parsed
    it; several secrets are those of a rotation."""
    given = {name.lower(): value for name, value in headers.items()}
    id, at, signed = (given.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not (id and signed and at.isascii() and at.isdigit() and len(at) < 16):
        raise BadDelivery("bad_headers")
    content = body.encode() if isinstance(body, str) else body
    keys = [b64decode(one.removeprefix(_PREFIX)) for one in ([secret] if isinstance(secret, str) else secret)]
    expected = [hmac.digest(key, f"{id}.{at}.".encode() + content, sha256) for key in keys]
    offered = [_bytes(one.removeprefix("v1,")) for one in signed.split(" ") if one.startswith("v1,")]
    if not any([hmac.compare_digest(one, good) for one in offered for good in expected]):  # noqa: C419  # all of them
        raise BadDelivery("bad_signature")
    late_s = (time.time() if now_s is None else now_s) - int(at)
    if abs(late_s) > age_s_max:
        raise BadDelivery("too_old" if late_s > 0 else "too_new")
    return Delivery(id, int(at), content)


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""
