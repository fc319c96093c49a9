"""What the HTTP interface says of itself is true: answers are as described, and none of them is our fault."""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.stack import tidegate, up

pytestmark = pytest.mark.xdist_group("contract")

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
WITHIN_S = 240
GATEWAY = (
    "--runtime",
    "process",
    "--set",
    "gateway.workers=1",
    "--set",
    "gateway.port=0",
    "--set",
    "gateway.rate_factor=0",
)


async def test_the_description_is_kept(tmp_path: Path) -> None:
    """Schemathesis makes requests of every kind from it, right ones and wrong ones, as the owner."""
    async with up(tmp_path, *GATEWAY) as stack:
        url = (await stack.until("gateway_started"))["url"]
        key = (await tidegate(tmp_path, "key", "create", "--role", "owner", "--json")).data["key"]
        command = [
            str(Path(sys.executable).parent / "st"), "run", f"{url}/docs/openapi.json", "--header",
            f"Authorization: Bearer {key}", "--checks", CHECKS, "--max-examples", "3", "--no-color",
        ]  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        async with asyncio.timeout(WITHIN_S):
            said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()[-6_000:]


async def test_the_description_names_no_other_site(tmp_path: Path) -> None:
    """Nor do the pages that show it: everything comes from us."""
    async with up(tmp_path, *GATEWAY) as stack:
        url = (await stack.until("gateway_started"))["url"]

        def read(path: str) -> str:
            with urllib.request.urlopen(f"{url}{path}", timeout=10) as answer:  # it is our own
                text: str = answer.read().decode()
                return text

        described = json.loads(await asyncio.to_thread(read, "/docs/openapi.json"))
        assert described["openapi"].startswith("3.1")
        for path in ("/", "/docs"):
            page = await asyncio.to_thread(read, path)
            assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page
