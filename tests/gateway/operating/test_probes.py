"""Probes say what is so, what is wrong is told to those who may know, and a gateway that leaves says so first."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.runtime import membership
from events.errors import LogUnavailable
from gateway.measuring.limits import HOSTS_HEARD_S, LOG_FRESH_S, MODELS_HEARD_S
from gateway.watched import WatchSettings, taken_beside
from projections.folding import epoch_of
from tests.gateway.operating.attended import STRANGER, Attended, attended
from tests.support.gateway import in_virtual_time, refused
from tests.support.ports import own_port
from tests.support.waiting import later

__all__ = ["in_virtual_time"]


async def ready(gate: Attended) -> Any:
    """It takes a moment until everybody was heard."""
    async with asyncio.timeout(10):
        while (found := await gate.get("/readyz")).status_code != 200:  # noqa: ASYNC110  # it is found by asking
            await asyncio.sleep(0.05)
    return found.json()


async def test_it_lives_as_long_as_it_answers() -> None:
    """Whatever is wrong around it: to start it again would mend nothing."""
    async with attended() as gate:
        gate.gate.house.kill(gate.gate.house.hosts[0])
        await asyncio.sleep(HOSTS_HEARD_S + 0.5)
        assert (await gate.get("/readyz")).status_code == 503
        lives = await gate.get("/livez", client=STRANGER)
        assert (lives.status_code, lives.text) == (200, "it runs\n")


async def test_it_says_which_log_it_answers_from() -> None:
    """By the name that positions begin with."""
    async with attended() as gate:
        assert (await gate.get("/livez")).headers["Tidegate-Log"] == epoch_of(gate.gate.house.log.identity)


async def test_it_is_ready_when_log_hosts_and_read_models_are_there() -> None:
    """And says of each why it thinks so."""
    async with attended() as gate:
        said = await ready(gate)
        assert all(said["standing"][part]["ready"] for part in ("log", "hosts", "read_models"))
        assert "64 partitions" in said["standing"]["hosts"]["detail"]


async def test_without_hosts_it_is_not_ready() -> None:
    """As soon as there are partitions that nobody was heard to own for two seconds."""
    async with attended() as gate:
        await ready(gate)
        gate.gate.house.kill(gate.gate.house.hosts[0])
        await asyncio.sleep(HOSTS_HEARD_S + 0.5)
        answer = await gate.get("/readyz")
        standing = answer.json()["standing"]
        assert (answer.status_code, standing["hosts"]["ready"], standing["log"]["ready"]) == (503, False, True)
        assert "64 of 64 partitions have no host" in standing["hosts"]["detail"]


async def test_a_host_that_leaves_in_order_is_not_waited_for() -> None:
    """Its last beat says so."""
    async with attended() as gate:
        await ready(gate)
        beat = gate.gate.house.hosts[0].roll.beats["one"]
        gate.gate.house.kill(gate.gate.house.hosts[0])
        leaving = membership.Beat(beat.host, beat.incarnation, beat.since, beat.number + 1, [], leaving=True)
        await gate.gate.house.bus.publish(membership.BEATS, membership.encode_beat(leaving))
        await asyncio.sleep(0.1)
        assert (await gate.get("/readyz")).json()["standing"]["hosts"]["ready"] is False


async def test_without_read_models_it_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """A projector beats once a second, so three without one are too many."""
    async with attended() as gate:
        await ready(gate)
        bus, publish = gate.gate.house.bus, gate.gate.house.bus.publish

        async def lossy(subject: str, *about: Any, **more: Any) -> None:
            if subject != "deltas":
                await publish(subject, *about, **more)

        monkeypatch.setattr(bus, "publish", lossy)
        await asyncio.sleep(MODELS_HEARD_S + 0.5)
        standing = (await gate.get("/readyz")).json()["standing"]
        assert (standing["read_models"]["ready"], standing["hosts"]["ready"]) == (False, True)


@pytest.mark.parametrize("silent", [False, True], ids=["away", "silent"])
async def test_without_the_log_it_is_not_ready(monkeypatch: pytest.MonkeyPatch, silent: bool) -> None:
    """Whether it says so or nothing at all; and it is ready again when the log is back."""
    async with attended() as gate:
        await ready(gate)

        async def head() -> None:
            if silent:
                await asyncio.sleep(3_600)
            raise LogUnavailable("it is away")

        with monkeypatch.context() as patched:
            patched.setattr(gate.gate.house.log, "head", head)
            await asyncio.sleep(LOG_FRESH_S + 0.1)
            answer = await gate.get("/readyz")
            assert (answer.status_code, answer.json()["standing"]["log"]["ready"]) == (503, False)
        await ready(gate)


async def test_however_many_ask_the_log_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe is for everybody, so it must not be a way to make work."""
    async with attended() as gate:
        await ready(gate)
        await asyncio.sleep(LOG_FRESH_S + 0.1)
        asked, head = 0, gate.gate.house.log.head

        async def counted() -> Any:
            nonlocal asked
            asked += 1
            return await head()

        monkeypatch.setattr(gate.gate.house.log, "head", counted)
        await asyncio.gather(*(gate.get("/readyz") for _ in range(50)))
        assert asked <= 2, "with the look that is taken every five seconds"


async def test_strangers_are_told_whether_and_not_why() -> None:
    """A load balancer needs no more, and nobody else is to see how the house is built."""
    async with attended() as gate:
        await ready(gate)
        assert (await gate.get("/readyz", client=STRANGER)).json() == {"ready": True}
        assert refused(await gate.get("/metrics", client=STRANGER)) == (403, "not_permitted")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
async def test_what_came_through_a_proxy_is_not_local(header: str) -> None:
    """A proxy on this machine passes on what all the world asks."""
    async with attended() as gate:
        await ready(gate)
        assert "standing" not in (await gate.get("/readyz", headers={header: "127.0.0.1"})).json()
        assert refused(await gate.get("/metrics", headers={header: "127.0.0.1"})) == (403, "not_permitted")


@pytest.mark.parametrize(("visibility", "told"), [("open", True), ("off", False)])
async def test_who_sees_what_is_a_setting(visibility: str, told: bool) -> None:
    """Everybody, or nobody, not even on this machine."""
    async with attended(metrics=visibility) as gate:
        await ready(gate)
        for client in ("127.0.0.1", STRANGER):
            assert ("standing" in (await gate.get("/readyz", client=client)).json()) is told
        if visibility == "off":
            assert refused(await gate.get("/metrics")) == (404, "unknown_path")


async def test_a_port_that_several_share_has_no_metrics() -> None:
    """One would be told the numbers of whichever process answers; at its own port each tells its own."""
    async with attended(shared=True) as gate:
        assert refused(await gate.get("/metrics")) == (422, "ask_each_worker")
        assert (await gate.beside("/livez")).status_code == 200
        assert (await gate.beside("/v1/demo/resources")).status_code == 404


def test_the_own_port_is_where_others_reach_it_only_if_that_is_wanted() -> None:
    """By default it is bound to this machine, whatever the gateway listens at."""
    assert taken_beside("0.0.0.0", WatchSettings()) is None
    number = own_port()
    for metrics, expected in (("local", "127.0.0.1"), ("open", "0.0.0.0")):
        taken = taken_beside("0.0.0.0", WatchSettings(metrics=metrics, metrics_port=number))  # type: ignore[arg-type]
        assert taken is not None
        assert taken.getsockname() == (expected, number)
        taken.close()


async def test_it_says_that_it_leaves_before_it_does() -> None:
    """So that a balancer sends nobody any more, while whoever was sent is answered; then it ends."""
    async with attended(drain_s=5.0) as gate:
        await ready(gate)
        until, ending = asyncio.Event(), asyncio.Event()
        leaving = later(gate.watching.leave(until, ending))
        until.set()
        await asyncio.sleep(0.1)
        answer = await gate.get("/readyz")
        assert (answer.status_code, answer.json()["leaving"]) == (503, True)
        assert answer.json()["standing"]["log"]["ready"], "nothing is wrong with it"
        assert (await gate.get("/v1/demo/resources")).status_code == 200
        await asyncio.sleep(4.5)
        assert not ending.is_set()
        await asyncio.sleep(0.6)
        assert ending.is_set()
        await leaving


async def test_probes_are_described_where_all_routes_are() -> None:
    """In the OpenAPI of the gateway, without being asked for anything."""
    async with attended() as gate:
        described = (await gate.get("/docs/openapi.json")).json()["paths"]
        assert {"/livez", "/readyz", "/metrics"} <= described.keys()
        assert {"200", "503"} <= described["/readyz"]["get"]["responses"].keys()


async def test_nobody_keeps_what_a_probe_said() -> None:
    """A cache on the way would say it long after."""
    async with attended() as gate:
        for path in ("/livez", "/readyz"):
            assert (await gate.get(path)).headers["cache-control"] == "no-store"
