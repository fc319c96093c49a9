"""Every client does the same with a real gateway, and the same comes of it."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

from tests.clients import javascript
from tests.clients.stand import Stand
from tests.clients.vectors import FOLDER, cases
from tests.support.stack import environment

pytestmark = pytest.mark.xdist_group("clients")
PYTHON: Final = FOLDER.parent / "python"
WITHIN_S: Final = 120


def scenarios(told: str) -> list[str]:
    """Those that went as they are written, to the end."""
    return [line.removeprefix("live: ") for line in told.splitlines() if line.startswith("live: ")]


ALL: Final = [f"{case['name']} ({len(case['steps'])} steps)" for case in cases("live")]


def test_the_python_client_goes_through_all_scenarios(stand: Stand) -> None:
    """Each of them, with every step."""
    words = [sys.executable, str(PYTHON / "conformance.py"), stand.url, str(FOLDER)]
    env = environment(TIDEGATE_KEY=stand.key, PYTHONPATH=str(PYTHON / "src"))
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert (done.returncode, scenarios(done.stdout)) == (0, ALL), done.stderr[-8_000:]


def test_the_javascript_client_goes_through_all_scenarios(node: str, stand: Stand) -> None:
    """The same ones, and all vectors before."""
    done = javascript.run(node, "conformance.mjs", stand.url, str(FOLDER), TIDEGATE_KEY=stand.key)
    assert scenarios(done.stdout) == ALL
    vectors = sum(len(cases(path.stem)) for path in FOLDER.glob("*.json"))
    assert done.stdout.splitlines()[-1] == f"{vectors} agree"
