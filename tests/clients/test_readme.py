"""The tour of the Python client's README works as it is written."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.clients.stand import Stand
from tests.clients.vectors import FOLDER

pytestmark = pytest.mark.xdist_group("clients")
README = FOLDER.parent / "python" / "README.md"


def test_the_tour(stand: Stand, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Block after block, in one program, against a demo organisation."""
    monkeypatch.setenv("TIDEGATE_KEY", stand.key)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 5
    names: dict[str, Any] = {"__name__": "tour"}
    for block in blocks:
        exec(compile(block.replace("http://127.0.0.1:8080", stand.url), str(README), "exec"), names)
    said = capsys.readouterr().out
    for line in (
        "studio-south Europe/Lisbon 1",
        "taken late 409",
        "1 cancelled",
        "room/launch snapshot",
        "called active",
    ):
        assert line in said, said
    assert names["receive"]("whsec_AAAA", {}, b"{}") == (400, "bad_headers")
