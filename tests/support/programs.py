"""Programs that tests need and that are not Python's: a browser, a web server, Node.

Where this is nobody's own machine, which is what continuous integration says of itself, nothing is skipped: what is not
there is installed, by one process at a time, or the test fails. Anywhere else it is skipped, and says so.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import pytest

PLACES: Final = "/usr/sbin:/usr/local/sbin"
"""Where programs are that the path of a user may leave out."""


def program(*names: str, package: str, untested: str) -> str:
    """Where one of these is, which come with that package; without it, this is `untested`."""
    found = _found(names)
    if found is None and os.environ.get("CI") and os.geteuid() == 0 and shutil.which("apt-get"):
        with alone("apt"):
            found = _found(names) or _installed(names, package)
    return found or not_tested(f"{untested}: there is no {names[0]} here (apt-get install {package})")


def not_tested(why: str) -> NoReturn:
    """Loudly."""
    say = pytest.fail if os.environ.get("CI") else pytest.skip
    say(why)


@contextmanager
def alone(what: str) -> Iterator[None]:
    """No other process of tests on this machine does the same meanwhile."""
    with (Path(tempfile.gettempdir()) / f"tidegate-tests-{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _found(names: tuple[str, ...]) -> str | None:
    everywhere = f"{os.environ.get('PATH', os.defpath)}:{PLACES}"
    return next(filter(None, (shutil.which(name, path=everywhere) for name in names)), None)


def _installed(names: tuple[str, ...], package: str) -> str | None:
    for words in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", package]):
        subprocess.run(["apt-get", *words], check=True, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
    return _found(names)
