"""What both clients send with: httpx, without cookies, and with a deadline for each try."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx

from tidegate_client.exchange import Request

LOST: Final = (httpx.TransportError,)
"""Nobody answered."""


def no_cookies() -> CookieJar:
    """A jar that keeps none: who asks is said by each request, and one client acts for many visitors."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def httpx_request(request: Request) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.url,
        "headers": request.headers,
        "params": request.query or None,
        "content": request.content,
        "timeout": request.timeout_s,
    }
