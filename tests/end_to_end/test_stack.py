"""The embedded stack as its users have it: one command starts all of it, and whatever ends it, the next start recovers.

Here hosts are plain processes, which start in a second; `test_ray_stack` has the same on Ray. It is one whole:
what one command promises.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.catalog import CATALOG
from events.clock import iso
from events.nats.connection import connect
from events.nats.ground import reached
from events.nats.server import NatsServer
from events.nats.stream import log_settings
from tests.support.jetstream import api
from tests.support.ports import own_port
from tests.support.stack import Running, clean, environment, gone, kill, launch, tidegate, up
from tests.support.waiting import until
from tidegate import parts, run_file
from tidegate.stack import PROJECTOR_NICE

PROCESS = ("--runtime", "process")
PUT = ("send", "put_resource", "id=room-1", "time_zone=Europe/Berlin", "capacity=3", "--id", "first", "--json")


async def send_first(stack: Running) -> int:
    """An acknowledged command, whose fate the test then follows; its sequence."""
    answer = (await tidegate(stack.folder, *PUT)).data
    assert answer["accepted"]
    sequence: int = answer["sequence"]
    return sequence


async def still_has_first(stack: Running, sequence: int) -> None:
    """What was acknowledged is there once, its repetition gets the first answer, and the log is sound."""
    assert (await tidegate(stack.folder, *PUT)).data["sequence"] == sequence
    listed = (await tidegate(stack.folder, "send", "list_resources", "--json")).data["reply"]["resources"]
    assert [one["capacity"] for one in listed if one["id"] == "room-1"] == [3]
    verified = await tidegate(stack.folder, "log", "verify", "--json")
    assert verified.code == 0, verified.out


async def test_one_command_starts_a_system_that_takes_commands(tmp_path: Path) -> None:
    """The demo organisation is there, every partition has an owner, and what is sent is answered and kept."""
    async with up(tmp_path, *PROCESS) as stack:
        status = await tidegate(tmp_path, "status", "--once", "--json")
        assert status.code == 0
        assert status.data["healthy"]
        pids = {host["host"]: host["pid"] for host in status.data["hosts"]}
        assert pids == {name: stack.pid_of(name) for name in ("host-1", "host-2")}
        assert status.data["partitions_owned"] == 64
        listed = (await tidegate(tmp_path, "send", "list_resources", "--json")).data["reply"]["resources"]
        assert {one["id"] for one in listed} == {"studio-north", "studio-south", "meeting-room", "mics"}
        sequence = await send_first(stack)
        shown = await tidegate(tmp_path, "log", "show", "demo.catalog", "--after", str(sequence - 1), "--json")
        assert shown.data["decided"][0]["command"] == "first"
        assert shown.data["decided"][0]["facts"][0]["resource"]["capacity"] == 3
        tail = await tidegate(tmp_path, "log", "tail", "--no-follow", "--actor", "demo.*", "--json")
        assert [one["sequence"] for one in tail.lines][-2:] == [sequence - 1, sequence]
        assert (await tidegate(tmp_path, "log", "verify", "--json")).data["sound"]


async def test_ctrl_c_stops_everything_in_order_and_leaves_nothing(tmp_path: Path) -> None:
    """No process, no note, no address; only the data. What hosts knew is on the shelf before the log's server goes."""
    async with up(tmp_path, *PROCESS) as stack:
        running = stack.processes()
        assert len(running) == 5  # the keeper, the server, two hosts, the projector
        ours = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, stack.pid_of("projector")) == min(ours + PROJECTOR_NICE, 19)
        assert os.getpriority(os.PRIO_PROCESS, stack.pid_of("host-1")) == ours
        assert await stack.interrupt() == 0
        stopped = [told["part"] for told in stack.events if told["event"] == "stopped"]
        assert stopped == ["projector", "hosts", "nats-server"]
        await gone(*running, within_s=1)
        assert list(parts.noted(stack.data_dir)) == []
        assert not run_file.path_of(stack.data_dir).exists()
        refused = await tidegate(tmp_path, "status", "--once")
        assert refused.code == 1
        assert "nothing_runs" in refused.err


async def test_the_next_start_has_what_the_last_one_acknowledged(tmp_path: Path) -> None:
    """A clean stop and a start: the same log, the same answers; the demo is not put a second time."""
    async with up(tmp_path, *PROCESS) as stack:
        sequence = await send_first(stack)
        await stack.interrupt()
    async with up(tmp_path, *PROCESS) as stack:
        await still_has_first(stack, sequence)
        assert not [told for told in stack.events if told["event"] == "filled"]


async def test_everything_killed_at_once_is_recovered_by_the_next_start(tmp_path: Path) -> None:
    """As after a power cut: nothing acknowledged is lost, nothing happens twice."""
    async with up(tmp_path, *PROCESS) as stack:
        sequence = await send_first(stack)
        url = stack.reach.servers
        stack.kill_all()
        await stack.ended()
        killed = await tidegate(tmp_path, "status", "--once")
        assert "was killed" in killed.err
    async with up(tmp_path, *PROCESS) as stack:
        assert stack.reach.servers == url
        await still_has_first(stack, sequence)
        assert await stack.interrupt() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start ends them")
async def test_a_killed_keeper_takes_its_children_with_it(tmp_path: Path) -> None:
    """Nothing is left to run unseen."""
    async with up(tmp_path, *PROCESS) as stack:
        running = stack.processes()
        kill(stack.process.pid)
        await gone(*running)


@pytest.fixture
def two_idle(tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two processes that do nothing, until they are ended."""
    words = [sys.executable, "-c", "input()"]
    idle = [subprocess.Popen(words, stdin=subprocess.PIPE, cwd=tmp_path) for _ in range(2)]
    yield idle
    for one in idle:
        one.kill()
        one.communicate()


async def test_what_a_killed_run_left_running_is_ended_by_the_next_start(
    tmp_path: Path, two_idle: list[subprocess.Popen[bytes]]
) -> None:
    """By its note on disk, and only if it is that very process."""
    data_dir = tmp_path / ".tidegate"
    left, another = two_idle
    parts.note(data_dir, "host-7", left.pid)
    noted = parts.note(data_dir, "host-8", another.pid)
    path = parts.folder(data_dir) / "host-8.json"
    path.write_text(path.read_text().replace(noted.born, "another boot"))
    async with up(tmp_path, *PROCESS) as stack:
        assert (await stack.until("leftover_ended"))["part"] == "host-7"
        assert left.wait(10) == -signal.SIGKILL
        assert another.poll() is None


async def test_two_stacks_on_one_folder_are_refused(tmp_path: Path) -> None:
    """The second says who is there, and the first does not notice."""
    async with up(tmp_path, *PROCESS) as stack:
        second = await tidegate(tmp_path, "up", *PROCESS)
        assert second.code == 1
        assert f"already_runs]: a stack runs on .tidegate already, kept by process {stack.process.pid}" in second.err
        assert (await tidegate(tmp_path, "status", "--once")).code == 0


async def test_two_stacks_in_two_folders_live_side_by_side(tmp_path: Path) -> None:
    """Each chooses ports of its own, and hears only its own hosts."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with up(tmp_path / "one", *PROCESS, "--hosts", "1") as one, up(tmp_path / "two", *PROCESS) as two:
        assert one.reach.servers != two.reach.servers
        assert len((await tidegate(one.folder, "status", "--once", "--json")).data["hosts"]) == 1
        assert len((await tidegate(two.folder, "status", "--once", "--json")).data["hosts"]) == 2


async def test_a_killed_server_is_back_with_the_same_log_at_the_same_address(tmp_path: Path) -> None:
    """Whoever was connected to it finds it again."""
    async with up(tmp_path, *PROCESS) as stack:
        sequence = await send_first(stack)
        url = stack.reach.servers
        kill(stack.pid_of("nats-server"))
        await stack.until("part_back", part="nats-server")
        assert stack.reach.servers == url
        await still_has_first(stack, sequence)


async def test_a_killed_host_is_started_again(tmp_path: Path) -> None:
    """The stack notices, says so, and has it back; meanwhile the other host answers."""
    async with up(tmp_path, *PROCESS) as stack:
        sequence = await send_first(stack)
        killed = stack.pid_of("host-1")
        kill(killed)
        await still_has_first(stack, sequence)
        await stack.until("host_back", host="host-1")
        assert stack.pid_of("host-1") != killed


async def test_a_port_that_is_taken_is_said_so(tmp_path: Path) -> None:
    """What cannot be started ends the start, with an error that names it, and nothing is left."""
    async with up(tmp_path, *PROCESS, "--hosts", "1") as stack:
        taken = stack.reach.servers[0].rpartition(":")[2]
        (tmp_path / "other").mkdir()
        other = await tidegate(tmp_path / "other", "up", *PROCESS, "--nats-port", taken)
        assert other.code == 1
        assert f"port {taken} on 127.0.0.1 is taken" in other.err
        assert list(parts.noted(tmp_path / "other" / ".tidegate")) == []


async def test_a_stop_during_the_start_stops_what_was_started(tmp_path: Path) -> None:
    """SIGTERM is heard at any moment."""
    stack = await launch(tmp_path, *PROCESS)
    try:
        await stack.until("nats_started")
        assert await stack.end(signal.SIGTERM) == 0
        assert stack.events[-1]["event"] == "down"
        assert list(parts.noted(stack.data_dir)) == []
    finally:
        await clean(stack)


async def test_a_log_that_was_replaced_while_nothing_ran_is_refused(tmp_path: Path) -> None:
    """The folder has promised to keep one log. With another in its place the start ends with 3, and says why."""
    async with up(tmp_path, *PROCESS, "--hosts", "1") as stack:
        await stack.interrupt()
    shutil.rmtree(tmp_path / ".tidegate" / "nats" / "store")
    again = await tidegate(tmp_path, "up", *PROCESS)
    assert again.code == 3
    assert "log_recreated" in again.err


async def test_a_log_that_is_replaced_under_a_running_stack_ends_it(tmp_path: Path) -> None:
    """Halt, don't guess: hosts stop, they are not started again, and the stack ends with 3."""
    async with up(tmp_path, *PROCESS) as stack:
        connection = await connect(stack.reach.servers)
        await api(connection, "STREAM.DELETE.log")
        await api(connection, "STREAM.CREATE.log", log_settings("log", 1, None))
        await connection.close()
        assert await stack.ended() == 3
        assert "created at" in stack.err
        assert list(parts.noted(stack.data_dir)) == []


async def test_down_stops_the_stack_and_is_content_when_there_is_none(tmp_path: Path) -> None:
    """The other way to stop, from anywhere."""
    async with up(tmp_path, *PROCESS, "--hosts", "1") as stack:
        down = await tidegate(tmp_path, "down", "--json")
        assert down.code == 0
        assert down.data["stopped"]
        assert await stack.ended() == 0
    assert "nothing runs" in (await tidegate(tmp_path, "down")).out


async def test_a_host_can_be_added_and_leaves_in_order(tmp_path: Path) -> None:
    """It takes its share of the partitions, and gives it back at once."""
    async with up(tmp_path, *PROCESS, "--hosts", "1"):
        host = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tidegate", "host", "--name", "extra", cwd=tmp_path, env=environment(),
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            both = await status_when(tmp_path, lambda hosts: hosts.get("extra", 0) > 0)
            assert sum(both.values()) == 64
            host.terminate()
            assert await host.wait() == 0
            assert await status_when(tmp_path, lambda hosts: "extra" not in hosts) == {"host-1": 64}
        finally:
            if host.returncode is None:
                host.kill()
                await host.wait()


async def status_when(folder: Path, wanted: object) -> dict[str, int]:
    """How many partitions each host owns, as soon as that is as wanted."""
    assert callable(wanted)
    async with asyncio.timeout(30):
        while True:
            seen = (await tidegate(folder, "status", "--once", "--json")).data
            owned = {host["host"]: host["partitions"] for host in seen["hosts"]}
            if wanted(owned) and seen["partitions_owned"] == 64:
                return owned


async def test_of_two_hosts_of_one_name_the_earlier_ends_and_says_why(tmp_path: Path) -> None:
    """A name is one host's; who started later has it. Those of the stack's own are not taken by mistake."""
    async with up(tmp_path, *PROCESS, "--hosts", "1") as stack:
        assert "error[name_taken]" in (await tidegate(tmp_path, "host", "--name", "host-1")).err
        words = [sys.executable, "-m", "tidegate", "host", "--name", "twin"]
        first = await asyncio.create_subprocess_exec(
            *words, cwd=tmp_path, env=environment(), stderr=asyncio.subprocess.PIPE
        )
        await status_when(tmp_path, lambda hosts: "twin" in hosts)
        second = await asyncio.create_subprocess_exec(
            *words, cwd=tmp_path, env=environment(), stderr=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(30):
                _, said = await first.communicate()
            assert first.returncode == 4
            assert b"error[host_superseded]" in said
            assert second.returncode is None
        finally:
            for host in (first, second):
                if host.returncode is None:
                    host.kill()
                    await host.wait()
        assert stack.process.returncode is None


async def test_of_two_stacks_on_one_log_the_earlier_ends_and_says_why(tmp_path: Path) -> None:
    """Their hosts have the same names: started again, they would take each other's places for ever."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with NatsServer(tmp_path / "nats", port=own_port(), monitoring_port=own_port()) as server:
        there = {"TIDEGATE_NATS_URLS": server.url, "TIDEGATE_NATS_MONITOR_URLS": server.monitor}
        async with (
            up(tmp_path / "one", *PROCESS, "--hosts", "1", **there) as one,
            up(tmp_path / "two", *PROCESS, "--hosts", "1", **there) as two,
        ):
            assert await one.ended() == 4
            error = json.loads(one.err.splitlines()[-1])["error"]
            assert error["code"] == "stack_superseded"
            assert error["detail"].startswith("host-1 stopped: error[host_superseded]: another process runs a host")
            assert not [told for told in one.events if told["event"] == "host_ended"]
            assert two.process.returncode is None


async def test_refusals_and_mistakes_are_told_apart(tmp_path: Path) -> None:
    """A refusal is the actor's answer with its code; what spells no command never leaves; both end with 1."""
    async with up(tmp_path, *PROCESS, "--hosts", "1"):
        refused = await tidegate(tmp_path, "send", "put_resource", "id=a", "time_zone=Mars/Base", "--json")
        assert refused.code == 1
        assert refused.data["code"] == "unknown_time_zone"
        readable = await tidegate(tmp_path, "send", "put_resource", "id=a", "time_zone=Mars/Base")
        assert readable.code == 1
        assert readable.err.startswith("refused[unknown_time_zone]: ")
        mistaken = await tidegate(tmp_path, "send", "put_resorce", "id=a")
        assert mistaken.code == 1
        assert "did you mean put_resource?" in mistaken.err


async def test_a_command_that_got_no_answer_is_sent_again_as_the_same(tmp_path: Path) -> None:
    """With the id and the instant that were printed; what is stored says when it was asked first."""
    async with up(tmp_path, *PROCESS, "--hosts", "1") as stack:
        put = ("send", "put_resource", "id=a", "time_zone=UTC", "--actor", "a.catalog", "--json")
        os.kill(stack.pid_of("host-1"), signal.SIGSTOP)
        unknown = await tidegate(tmp_path, *put, "--within", "0.5")
        os.kill(stack.pid_of("host-1"), signal.SIGCONT)
        assert unknown.code == 1
        error = json.loads(unknown.err.splitlines()[-1])["error"]
        assert error["code"] == "unknown_outcome"
        again = await tidegate(tmp_path, *put, "--id", error["id"], "--asked-at", error["asked_at"], "--within", "20")
        assert again.data["accepted"]
        async with reached(stack.reach, name="test") as ground:
            log = await ground.log()
            decided = [
                one
                async for recorded in log.read_actor("a.catalog")
                for one in CATALOG.facts.read(recorded.body).decided
            ]
        assert [(one.id, iso(one.asked_at)) for one in decided] == [(error["id"], error["asked_at"])]


async def test_a_demo_that_finds_no_room_is_told_of_and_does_not_end_the_start(tmp_path: Path) -> None:
    """Everything else runs."""
    async with up(tmp_path, *PROCESS, "--hosts", "1", "--set", "nats.max_bytes=500") as stack:
        assert (await stack.until("not_filled"))["wrong"]
        assert (await tidegate(tmp_path, "status", "--once")).code == 0


async def test_a_transaction_takes_effect_in_all_actors_or_in_none(tmp_path: Path) -> None:
    """`--also` names the other parts; one that is refused refuses all."""
    async with up(tmp_path, *PROCESS) as stack:
        put = ("send", "put_resource", "id=x", "time_zone=UTC", "--actor", "a.catalog", "--json")
        both = await tidegate(tmp_path, *put, "--also", "b.catalog put_resource id=y time_zone=UTC")
        assert set(both.data["reply"]) == {"a.catalog", "b.catalog"}
        neither = await tidegate(tmp_path, *put, "--also", "c.catalog put_resource id=y time_zone=Mars/Base")
        assert neither.code == 1
        async with reached(stack.reach, name="test") as ground:
            log = await ground.log()
            assert await log.last_of(["c.catalog"]) == {}
            assert (await log.last_of(["a.catalog"]))["a.catalog"].batch is not None


async def test_following_the_log_shows_commits_as_they_come(tmp_path: Path) -> None:
    """`log tail` waits for more, and ends in order on Ctrl-C."""
    async with up(tmp_path, *PROCESS, "--hosts", "1") as stack:
        last = (await tidegate(tmp_path, "log", "tail", "--no-follow", "--last", "1", "--json")).data["sequence"]
        tail = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tidegate", "log", "tail", "--after", str(last), "--json",
            cwd=tmp_path, env=environment(), stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert tail.stdout is not None
        sequence = await send_first(stack)
        async with asyncio.timeout(30):
            line = await tail.stdout.readline()
        assert f'"sequence":{sequence}'.encode() in line
        tail.send_signal(signal.SIGINT)
        assert await tail.wait() == 0


async def test_the_lines_that_a_start_prints_work_as_they_stand(tmp_path: Path) -> None:
    """A newcomer copies them into another terminal."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "tidegate"), "up", *PROCESS, "--data-dir", "some where",
        cwd=tmp_path, env=environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    shorter = {
        "status": ["--once"],
        "tail": ["--no-follow"],
        "booking watch": ["--no-follow"],
        "room watch": ["--for", "1"],
        "crowd": ["--for", "1"],
    }
    printed: list[str] = []
    try:
        async with asyncio.timeout(60):
            while not printed or "Ctrl-C" not in printed[-1]:
                printed.append((await process.stdout.readline()).decode())
        shown = [line.strip() for line in printed if re.match(r"  \S*tidegate ", line)]
        assert len(shown) == 7
        for line in shown:
            words = shlex.split(line)
            ending = next((short for what, short in shorter.items() if {*what.split()} <= {*words}), [])
            done = await asyncio.create_subprocess_exec(
                *words, *ending, cwd=tmp_path, env=environment(), stdout=asyncio.subprocess.DEVNULL
            )
            assert await done.wait() == 0, line
    finally:
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 96 MB, where the system lets us have one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk is not allowed here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


async def test_a_full_disk_refuses_and_is_recovered_from_when_there_is_room(small_disk: Path) -> None:
    """Nobody has to do more than make room."""
    async with up(small_disk, *PROCESS, "--hosts", "1") as stack:
        sequence = await send_first(stack)
        fill(small_disk / "fill")
        await refusals_until(stack, "no_room")
        (small_disk / "fill").unlink()
        await stack.until("part_back", part="nats-server")
        await still_has_first(stack, sequence)


def fill(path: Path) -> None:
    with path.open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 20))
        except OSError:
            return


async def refusals_until(stack: Running, event: str) -> None:
    """Write until the disk is really full; each write is accepted, refused, or unknown, and none hangs."""
    number = 0
    while not [told for told in stack.events if told["event"] == event]:
        number += 1
        words = ("send", "put_resource", f"id=filler-{number}", "time_zone=UTC", f"name={'x' * 200}", "--within", "2")
        ended = await tidegate(stack.folder, *words, "--json")
        assert ended.code in (0, 1)
        assert number < 40


async def test_fixed_ports_are_the_ones_that_are_used(tmp_path: Path) -> None:
    """For whoever opens them in a firewall."""
    port, monitor = own_port(), own_port()
    async with up(
        tmp_path, *PROCESS, "--hosts", "1", "--nats-port", str(port), "--monitor-port", str(monitor)
    ) as stack:
        assert stack.reach.servers == (f"nats://127.0.0.1:{port}",)
        assert stack.reach.monitors == (f"http://127.0.0.1:{monitor}",)


async def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    """Whoever is in a hurry is not kept: a host that cannot leave in order is not waited for."""
    async with up(tmp_path, *PROCESS, "--hosts", "1") as stack:
        running = stack.processes()
        os.kill(stack.pid_of("host-1"), signal.SIGSTOP)
        stack.process.send_signal(signal.SIGINT)
        await stack.until("stopping")
        assert await stack.end(signal.SIGINT) == 130
        if sys.platform == "linux":
            await gone(*running)
        await until(lambda: not parts.is_running(stack.data_dir))
