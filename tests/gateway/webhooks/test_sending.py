"""One request over real sockets: what is an answer, what is none, and what is never done."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gateway.webhooks import sending
from gateway.webhooks.limits import TIMEOUT_MS
from gateway.webhooks.sending import NotSent, posting
from tests.gateway.webhooks.receiver import receiving
from tests.support.ports import own_port
from tests.support.waiting import until

HEADERS = {"Webhook-Id": "1-0", "Content-Type": "application/json"}


async def here(_host: str) -> Sequence[str]:
    return ("127.0.0.1",)


async def why_not(
    url: str,
    headers: dict[str, str] | None = None,
    *,
    allow_http: bool = False,
    allow_private: bool = False,
    timeout_ms: int = TIMEOUT_MS,
) -> str:
    """The code of what stands against sending there."""
    async with posting(timeout_ms=timeout_ms, allow_http=allow_http, allow_private=allow_private) as http:
        with pytest.raises(NotSent) as error:
            await http.post(url, headers or HEADERS, b"{}")
    return error.value.code


async def test_an_answer_is_its_status() -> None:
    """Whichever it is; the text behind it is not looked at, however long."""
    async with receiving() as receiver, posting(allow_http=True, allow_private=True) as http:
        long = f"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n{'x' * 100_000}"
        for answer, status in ((200, 200), (204, 204), (301, 301), (500, 500), (long, 200)):
            receiver.answers = lambda _got, answer=answer: answer  # type: ignore[misc]  # each its own
            assert await http.post(receiver.url, HEADERS, b"{}") == status


async def test_a_text_that_does_not_come_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was said that it arrived, whether the rest stays away or breaks off."""
    monkeypatch.setattr(sending, "ANSWER_READ_MS", 50)
    async with receiving() as receiver, posting(allow_http=True, allow_private=True) as http:
        for promised in ("Content-Length: 5", "Transfer-Encoding: chunked"):
            receiver.answers = lambda _got, promised=promised: f"HTTP/1.1 201 Made\r\n{promised}\r\n\r\n"  # type: ignore[misc]
            assert await http.post(receiver.url, HEADERS, b"{}") == 201


async def test_connections_are_used_again() -> None:
    """After an answer that was read to its end."""
    async with receiving() as receiver, posting(allow_http=True, allow_private=True) as http:
        for _ in range(3):
            await http.post(receiver.url, HEADERS, b"{}")
        assert len(receiver.got) == 3 and receiver.connections == 1


async def test_what_may_not_be_is_not_sent() -> None:
    """Neither in the clear nor to this machine, unless a setting says so."""
    async with receiving() as receiver:
        assert await why_not(receiver.url) == "not_https"
        assert await why_not(receiver.url, allow_http=True) == "address_loopback"
        assert await why_not(receiver.url.replace("127.0.0.1", "localhost"), allow_http=True) == "address_loopback"
        assert await why_not(receiver.url.replace("127.0.0.1", "[::ffff:127.0.0.1]"), allow_http=True) == (
            "address_loopback"
        )
        assert receiver.connections == 0


async def test_what_is_no_answer_is_called_by_what_it_is() -> None:
    """Silence, nonsense, a closed door."""
    async with receiving() as receiver:
        receiver.answers = lambda _got: None
        assert await why_not(receiver.url, allow_http=True, allow_private=True, timeout_ms=500) == "timeout"
        receiver.answers = lambda _got: "SMTP ready\r\n\r\n"
        assert await why_not(receiver.url, allow_http=True, allow_private=True) == "not_http"
    assert await why_not(f"http://127.0.0.1:{own_port()}", allow_http=True, allow_private=True) == "not_connected"


async def test_a_receiver_that_drips_is_given_up() -> None:
    """The time is for everything together."""
    async with receiving() as receiver:
        receiver.drips = True
        assert await why_not(receiver.url, allow_http=True, allow_private=True, timeout_ms=500) == "timeout"


@pytest.mark.parametrize(
    "headers", [{"Webhook-Id": "1\r\nEvil: yes"}, {"Webhook-Id\r\nEvil": "1"}, {"Webhook-Id": "1\n"}, {"X": "\0"}]
)
async def test_headers_cannot_be_smuggled(headers: dict[str, str]) -> None:
    """A line break in one ends it there and then, with nothing sent."""
    async with receiving() as receiver:
        assert await why_not(receiver.url, headers, allow_http=True, allow_private=True) == "not_http"
        assert receiver.got == []


@pytest.mark.parametrize("path", ["/a\r\nEvil: yes", "/a HTTP/1.1\r\n\r\n", "/a\n", "/\0"])
async def test_neither_can_addresses(path: str) -> None:
    """Nothing of the kind arrives as a header or a request of its own. (An endpoint that has one is not put at all.)"""
    async with receiving() as receiver, posting(allow_http=True, allow_private=True, timeout_ms=500) as http:
        with suppress(NotSent):
            await http.post(receiver.url.replace("/hook", path), HEADERS, b"{}")
        assert [got.line for got in receiver.got] in ([], ["POST /a HTTP/1.1"])
        assert not any("evil" in got.headers for got in receiver.got)


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be told everything, and see to addresses itself."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with receiving() as receiver, posting(allow_http=True, allow_private=True) as http:
        assert await http.post(receiver.url, HEADERS, b"{}") == 200


def certified(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's side of TLS under that name, and a client's that believes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server, ssl.create_default_context(cafile=str(folder / "cert.pem"))


async def test_tls_is_for_the_name_and_not_for_the_address(tmp_path: Path) -> None:
    """The connection goes to the address that was looked at; the certificate has to be the name's all the same."""
    server, trust = certified(tmp_path, "hooks.test")
    async with receiving(server) as receiver:
        async with posting(resolve=here, allow_private=True, trust=trust) as http:
            assert await http.post(f"https://hooks.test:{receiver.port}/", HEADERS, b"{}") == 200
            with pytest.raises(NotSent, match="bad_certificate"):
                await http.post(f"https://other.test:{receiver.port}/", HEADERS, b"{}")
        async with posting(resolve=here, allow_private=True) as http:
            with pytest.raises(NotSent, match="bad_certificate"):
                await http.post(f"https://hooks.test:{receiver.port}/", HEADERS, b"{}")
        await until(lambda: receiver.open == 0)
        assert [got.headers["host"] for got in receiver.got] == [f"hooks.test:{receiver.port}"]
