"""What is set for a gateway is what its processes go by."""

from __future__ import annotations

import asyncio

import pytest

from tidegate.config import BadSetting, Flag, load
from tidegate.workers import share


def test_limits_can_be_set() -> None:
    """As every setting: here by the environment."""
    environ = {
        "TIDEGATE_GATEWAY_RATE_FACTOR": "0",
        "TIDEGATE_GATEWAY_CONNECTIONS_PER_ADDRESS": "20000",
        "TIDEGATE_GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8,192.0.2.7",
        "TIDEGATE_GATEWAY_FORWARDED_HEADER": "forwarded",
    }
    gateway = load(environ=environ).settings.gateway
    assert gateway.rate_factor == 0
    assert gateway.connections_per_address == 20_000
    assert gateway.trusted_proxies == ("10.0.0.0/8", "fd00::/8", "192.0.2.7")
    assert gateway.forwarded_header == "forwarded"


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("gateway.trusted_proxies", "10.0.0.1/8", "has host bits set"),
        ("gateway.trusted_proxies", "10.0.0.0/64", "is no list of networks"),
        ("gateway.trusted_proxies", "localhost", "gateway.trusted_proxies"),
        ("gateway.forwarded_header", "forwarded", "set gateway.trusted_proxies"),
        ("gateway.forwarded_header", "x-real-ip", "gateway.forwarded_header"),
        ("gateway.rate_factor", "-1", "gateway.rate_factor"),
    ],
)
def test_limits_that_cannot_be_are_refused(key: str, text: str, said: str) -> None:
    """With the setting that is wrong, and why."""
    with pytest.raises(BadSetting, match=key) as refusal:
        load(environ={}, flags=[Flag("--set", key, text)])
    assert said in str(refusal.value)


async def test_workers_know_how_many_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes its share, by all that was set otherwise."""
    commands: list[tuple[str, ...]] = []
    environments: list[dict[str, str]] = []
    until = asyncio.Event()

    class Ended:
        returncode = 0

        async def wait(self) -> int:
            return 0

    async def execute(*command: str, env: dict[str, str], **_: object) -> Ended:
        commands.append(command)
        environments.append(env)
        if len(commands) == 3:
            until.set()
        return Ended()

    monkeypatch.setattr(asyncio, "create_subprocess_exec", execute)
    sets = {"gateway.workers": "3", "gateway.port": "0", "gateway.rate_factor": "2.5"}
    loaded = load(environ={}, flags=[Flag("--set", key, text) for key, text in sets.items()])
    await share(loaded, until, lambda host, port: None)
    assert [command[-2:] for command in commands] == [("--sharing", "3")] * 3
    assert {environment["TIDEGATE_GATEWAY_RATE_FACTOR"] for environment in environments} == {"2.5"}
