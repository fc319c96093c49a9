"""Node, and the JavaScript client's packages for development.

What `npm ci` fetches is fetched once, and again where other packages are wanted than were fetched to the end.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import Final

from tests.clients.vectors import FOLDER
from tests.support.programs import alone, not_tested
from tests.support.stack import environment

CLIENT: Final = FOLDER.parent / "js"
NODE_MIN: Final = 20
UNTESTED: Final = "THE JAVASCRIPT CLIENT IS NOT TESTED"
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
        not_tested(f"{UNTESTED}: there is no Node here (https://nodejs.org)")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version[1:].partition(".")[0]) < NODE_MIN:
        not_tested(f"{UNTESTED}: Node {version} is here, and it needs {NODE_MIN}")
    wanted, has = (CLIENT / "package-lock.json").read_bytes(), CLIENT / "node_modules" / FETCHED
    with alone("npm"):
        if not has.exists() or has.read_bytes() != wanted:
            run("npm", "ci", "--no-audit", "--no-fund")
            has.write_bytes(wanted)
    return found
