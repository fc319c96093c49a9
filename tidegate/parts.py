"""The processes of an embedded stack, as they are noted on disk while they run.

Each part has a file `<data_dir>/run/<name>.json` that says which process it is. Who starts a process writes it; a host
under Ray, which starts it again unasked, writes its own. A kill leaves the files behind,
and maybe some of the processes: so the next start, `down` and `doctor` can tell what is still there. A process
id alone is not enough, because the system gives it away again; so the note says when the process was born too.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from events.codec import canonical

KEEPER: Final = "up"
"""The part that starts the others and stops them. When it is gone, whatever is left has nobody."""


class Part(msgspec.Struct, frozen=True):
    """One process. `born` is the system's own note of its start, comparable for equality only."""

    name: str
    pid: int
    born: str


def folder(data_dir: Path) -> Path:
    return data_dir / "run"


def note(data_dir: Path, name: str, pid: int) -> Part:
    """Write down that `name` runs as `pid`. `ProcessLookupError` when there is no such process."""
    born = _born(pid)
    if born is None:
        raise ProcessLookupError(f"there is no process {pid}")
    part = Part(name, pid, born)
    folder(data_dir).mkdir(parents=True, exist_ok=True)
    path = folder(data_dir) / f"{name}.json"
    unfinished = path.with_suffix(".new")
    unfinished.write_bytes(canonical(part))
    unfinished.replace(path)
    return part


def noted(data_dir: Path) -> Iterator[Part]:
    """Every part that is noted, by name. A note that cannot be read counts as a process that is gone."""
    for path in sorted(folder(data_dir).glob("*.json")):
        try:
            yield msgspec.json.decode(path.read_bytes(), type=Part)
        except FileNotFoundError:  # forgotten while we looked
            continue
        except (OSError, msgspec.DecodeError):
            yield Part(path.stem, 0, "")


def forget(data_dir: Path, name: str) -> None:
    (folder(data_dir) / f"{name}.json").unlink(missing_ok=True)


def lives(part: Part) -> bool:
    """Whether that very process still runs; not another that was given its id, and not one that only awaits burial."""
    return part.pid > 0 and _born(part.pid) == part.born


def _born(pid: int) -> str | None:
    return _born_linux(pid) if sys.platform == "linux" else _born_elsewhere(pid)


def _born_linux(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *others = re.sub(r"^.*\) ", "", stat, flags=re.DOTALL).split()  # the name in brackets may hold anything
    return None if state in "ZX" else f"{boot}/{others[18]}"  # field 22 of proc(5): ticks from boot to birth


def _born_elsewhere(pid: int) -> str | None:
    said = subprocess.run(["ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, started = said.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def living(data_dir: Path) -> dict[str, int]:
    """The process of each part that is noted and still runs, by the part's name."""
    return {part.name: part.pid for part in noted(data_dir) if lives(part)}


def is_running(data_dir: Path) -> bool:
    """Whether a stack that stands on `data_dir` has its keeper."""
    return any(part.name == KEEPER and lives(part) for part in noted(data_dir))


def orphans(data_dir: Path) -> list[Part]:
    """Parts that still run although their keeper is gone."""
    return [] if is_running(data_dir) else [part for part in noted(data_dir) if lives(part)]


def kill_hint(parts: list[Part]) -> str:
    """The command that ends these parts, for a message."""
    return "kill " + " ".join(str(part.pid) for part in parts)
