"""What a reader may rely on anywhere in the tree, checked where a program can check it."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES_MAX = 400
SILENCED = re.compile(r"# (?:noqa|type: ignore)(?:: ?[A-Z0-9, ]+|\[[a-z, -]+\])?(?P<reason>.*)$")
LINK = re.compile(r"\[[^\]]*\]\((?P<to>[^()#: ]+)\)")
OWED = ("TO" + "DO", "FIX" + "ME", "XX" + "X")


def tracked(pattern: str) -> list[Path]:
    """The files that belong to the project; all that lie here when this is no checkout."""
    listed = subprocess.run(["git", "ls-files", pattern], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return [path for name in listed.stdout.splitlines() if (path := ROOT / name).exists()]
    return [path for path in ROOT.rglob(pattern) if not any(part.startswith(".") for part in path.parts)]


def modules() -> Iterator[tuple[Path, str]]:
    for path in tracked("*.py"):
        yield path.relative_to(ROOT), path.read_text("utf-8")


def test_every_module_opens_with_what_it_is() -> None:
    """A docstring; one that is longer than a reader holds in mind says why it is whole."""
    silent = [str(path) for path, text in modules() if text.strip() and not ast.get_docstring(ast.parse(text))]
    assert silent == []
    unexplained = [
        str(path)
        for path, text in modules()
        if text.count("\n") > LINES_MAX and "whole" not in (ast.get_docstring(ast.parse(text)) or "")
    ]
    assert unexplained == []


def test_what_is_silenced_has_a_reason_beside_it() -> None:
    """Outside of tests, which break rules for a living."""
    found = [
        f"{path}:{number}"
        for path, text in modules()
        if path.parts[0] != "tests"
        for number, line in enumerate(text.splitlines(), 1)
        if (silenced := SILENCED.search(line)) and not silenced["reason"].strip().startswith("# ")
    ]
    assert found == []


def test_nothing_is_owed_in_a_comment() -> None:
    """What is missing is named in the documents, where users look."""
    found = [str(path) for path, text in modules() if any(re.search(rf"\b{word}\b", text) for word in OWED)]
    assert found == []


@pytest.mark.parametrize("document", tracked("*.md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    """Within the repository."""
    missing = [to for to in LINK.findall(document.read_text("utf-8")) if not (document.parent / to).exists()]
    assert missing == []
