"""Webhooks by hand, on a real stack: every command a process of its own, and a courier beside it."""

from __future__ import annotations

import asyncio
import hmac
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

from actors.runtime.sender import Sender
from events.clock import system_clock
from events.nats.ground import reached
from gateway.secret import Secret
from gateway.webhooks.courier import Courier, CourierSettings
from gateway.webhooks.sending import posting
from tests.gateway.webhooks.receiver import Got, receiving
from tests.support.by_hand import ByHand
from tests.support.stack import tidegate, up
from tests.support.waiting import until

PROCESS = ("--runtime", "process", "--set", "org=mine", "--hosts", "1")
BY_HAND = ByHand("webhook", "--set", "org=mine")
webhook, refused = BY_HAND.accepted, BY_HAND.error


def is_signed(got: Got, whsec: str) -> bool:
    signed = f"{got.id}.{got.headers['webhook-timestamp']}.".encode() + got.body
    made = hmac.new(b64decode(whsec.removeprefix("whsec_")), signed, sha256).digest()
    return f"v1,{b64encode(made).decode()}" in got.headers["webhook-signature"].split(" ")


async def test_the_tour(tmp_path: Path) -> None:
    """Put an endpoint, try it, have something told, rotate its secret, disable and enable it, look at all of it."""
    async with up(tmp_path, *PROCESS) as stack, receiving() as receiver:
        assert (await refused(tmp_path, "test", "shop"))["code"] == "unknown_endpoint"
        assert (await refused(tmp_path, "put", "shop", "ftp://example.org"))["code"] == "bad_url"
        await webhook(tmp_path, "put", "shop", receiver.url, "--event", "room.phase", "--description", "A shop")
        assert (await refused(tmp_path, "secret", "shop"))["code"] == "bad_key_folder"
        async with (
            reached(stack.reach, name="courier") as ground,
            posting(allow_http=True, allow_private=True) as http,
        ):
            sender, end = Sender(ground.bus, system_clock, by="courier"), asyncio.Event()
            await sender.start()
            secret = Secret.open(stack.data_dir / "keys")
            settings = CourierSettings(name="courier-1")
            courier = Courier(
                await ground.log(), sender, system_clock, secret, settings, http
            )  # fmt: skip
            running = asyncio.create_task(courier.run(end))
            tried = await webhook(tmp_path, "test", "shop")
            assert (tried["status"], receiver.events) == (200, ["webhook.test"])
            whsec = (await webhook(tmp_path, "secret", "shop"))["secret"]
            assert is_signed(receiver.got[0], whsec)
            await webhook(tmp_path, "rotate", "shop", "--overlap", "1h")
            both = await webhook(tmp_path, "secret", "shop")
            assert both["older"] == [{"generation": 1, "secret": whsec}] and both["secret"] != whsec
            for words in (["create", "launch", "--capacity", "5"], ["open", "launch"]):
                ended = await tidegate(tmp_path, "room", *words, "--set", "org=mine")
                assert ended.code == 0, ended.err
            await until(lambda: len(receiver.got) == 2, within_s=20, look_every_s=0.02)
            got = receiver.got[1]
            assert (got.said["type"], got.said["data"]) == ("room.phase", {"room": "launch", "phase": "open"})
            assert is_signed(got, whsec) and is_signed(got, both["secret"])
            await webhook(tmp_path, "disable", "shop", "--why", "they are moving")
            (listed,) = await webhook(tmp_path, "list")
            assert (listed["active"], listed["why"]) == (False, "they are moving")
            assert (await refused(tmp_path, "test", "shop"))["next_step"].startswith("`tidegate webhook enable")
            await webhook(tmp_path, "enable", "shop")
            end.set()
            await running
            await sender.stop()
        seen = await webhook(tmp_path, "deliveries", "shop")
        assert (seen["delivered"], seen["courier"]) == (2, "")
        plain = await BY_HAND.plain(tmp_path, "deliveries", "shop")
        assert plain.code == 0 and "webhook.test" in plain.out and "it goes well" in plain.out
        assert await webhook(tmp_path, "dead", "shop") == []
        assert (await webhook(tmp_path, "replay", "shop", "--all"))["replayed"] == 0
        assert (await refused(tmp_path, "replay", "shop", "1-0"))["code"] == "unknown_letter"
        assert (await BY_HAND.plain(tmp_path, "dead", "shop")).out.strip() == "nothing was given up"
        await webhook(tmp_path, "remove", "shop")
        assert await webhook(tmp_path, "list") == []
