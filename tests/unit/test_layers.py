"""Imports point down, and what is foreign is known in one place only: the contracts in pyproject.toml hold.

They are proven to bite: in a copy of the tree, each planted import that breaks one makes its contract fail.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("actors", "events", "gateway", "projections", "tidegate")


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(cache_dir=None))"
    return subprocess.run([sys.executable, "-c", program], cwd=tree, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for floor in FLOORS:
        shutil.copytree(ROOT / floor, tmp_path / floor, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_tree_keeps_every_contract(tree: Path) -> None:
    """As it stands, imports point down and foreign packages stay where they belong."""
    ran = lint_imports(tree)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("events/planted.py", "import actors.decider", "Imports point down"),
        ("actors/planted.py", "from tidegate import config", "Imports point down"),
        ("projections/planted.py", "import gateway", "Imports point down"),
        ("projections/planted.py", "import actors.decider", "Imports point down"),
        ("actors/planted.py", "import projections", "Imports point down"),
        ("gateway/planted.py", "def late():\n    import tidegate.config", "Imports point down"),
        ("tidegate/planted.py", "from ray.util import state", "Ray is imported in one module"),
        ("actors/runtime/planted.py", "import ray", "Ray is imported in one module"),
        ("actors/runtime/planted.py", "import nats", "NATS is imported in one package"),
        ("events/planted.py", "from nats.js import api", "NATS is imported in one package"),
        ("tidegate/planted.py", "import litestar", "The web is known to the gateway only"),
        ("actors/planted.py", "import jwt", "Passes are signed and checked in the gateway only"),
        ("tidegate/planted.py", "from cryptography import x509", "Passes are signed and checked in the gateway only"),
        (
            "tidegate/cli/booking/planted.py",
            "def late():\n    import tidegate.cli.room",
            "Booking commands do not know those of rooms",
        ),
        ("actors/planted.py", "import asyncio", "Deciders are pure"),
        ("actors/planted.py", "from actors.runtime import limits", "Deciders are pure"),
    ],
)
def test_a_planted_import_breaks_its_contract(tree: Path, module: str, line: str, contract: str) -> None:
    """A contract that cannot fail proves nothing."""
    (tree / module).write_text(line + "\n", "utf-8")
    ran = lint_imports(tree)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert f"{contract} BROKEN" in ran.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("actors/runtime/ray_hosts.py", "import ray"),
        ("events/nats/planted.py", "from nats.aio.client import Client"),
        ("gateway/planted.py", "import litestar, jwt, cryptography, actors.decider, projections"),
        ("tidegate/planted.py", "import gateway, projections, actors.catalog, events.log"),
    ],
)
def test_what_is_allowed_stays_allowed(tree: Path, module: str, line: str) -> None:
    """The contracts forbid no more than they say."""
    path = tree / module
    path.parent.mkdir(exist_ok=True)
    (path.parent / "__init__.py").touch()
    path.write_text(line + "\n", "utf-8")
    ran = lint_imports(tree)
    assert ran.returncode == 0, ran.stdout + ran.stderr
