"""The vectors that every client agrees on, as they lie in the tree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[2] / "clients" / "conformance"


def cases(name: str) -> list[Any]:
    found: list[Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["cases"]
    assert found
    return found


def named(name: str) -> dict[str, Any]:
    """Cases by their names, for a test to go through."""
    return {case["name"]: case for case in cases(name)}
