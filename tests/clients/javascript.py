"""Node, and the JavaScript client's packages for development.

Tests of that client need Node, and what `npm ci` fetches once: again only where other packages are wanted than were
fetched to the end, and always in continuous integration, which takes nobody's word for what a folder holds. Without
Node they are skipped, and say so; but in continuous integration, where nothing is skipped, they fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Final, NoReturn

import pytest

from tests.clients.vectors import FOLDER
from tests.support.stack import environment

CLIENT: Final = FOLDER.parent / "js"
NODE_MIN: Final = 20
FETCHED: Final = ".fetched-by-tests"
"""In `node_modules`, which `npm ci` empties first: the packages that were asked for when it was last done."""
WITHIN_S: Final = 120


def run(*words: str, said: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        words, cwd=CLIENT, env=environment(**more), input=said, capture_output=True, text=True, timeout=WITHIN_S,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(words)[:200]}\n{done.stdout[-8_000:]}\n{done.stderr[-8_000:]}"
    return done


def node_here() -> str:
    """Where it is."""
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        _not_tested("there is no Node here (https://nodejs.org)")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version[1:].partition(".")[0]) < NODE_MIN:
        _not_tested(f"Node {version} is here, and it needs {NODE_MIN}")
    wanted, has = (CLIENT / "package-lock.json").read_bytes(), CLIENT / "node_modules" / FETCHED
    if os.environ.get("CI") or not has.exists() or has.read_bytes() != wanted:
        run("npm", "ci", "--no-audit", "--no-fund")
        has.write_bytes(wanted)
    return found


def _not_tested(why: str) -> NoReturn:
    say = pytest.fail if os.environ.get("CI") else pytest.skip
    say(f"THE JAVASCRIPT CLIENT IS NOT TESTED: {why}")
