"""What is shipped to watch a gateway with fits what a gateway tells: no panel and no alert is empty for ever."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # ships none

from gateway.measuring.metrics import names_in
from gateway.webhooks.limits import MEND_AFTER_MAX_MS
from tests.gateway.operating.attended import attended

DEPLOY = Path(__file__).parents[3] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "tidegate.json"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
SCRAPING = DEPLOY / "prometheus" / "prometheus.yml"
NAME = re.compile(r"\b(?:tidegate|process)_[a-z_]+\b")
LABELLED = re.compile(r"(tidegate_[a-z_]+)\{([^}]*)\}")


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    return found


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]]


def queries() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (rule["expr"] for rule in rules())


async def test_every_metric_that_is_asked_for_is_told() -> None:
    """By a gateway that has just begun, whatever has happened yet."""
    async with attended(demo=False) as gate:
        told = names_in(gate.watching.metrics)
    asked = {name for query in queries() for name in NAME.findall(query)}
    assert asked - told == set()
    assert {name for name in told if name.startswith("tidegate_")} - asked <= {
        "tidegate_http_request_seconds_sum",
        "tidegate_stream_call_seconds_sum",
        "tidegate_host_commit_seconds_sum",
        "tidegate_host_commit_seconds_count",
    }, "and what is told is shown somewhere"


async def test_every_label_that_is_asked_for_is_there() -> None:
    """One that is spelt wrong would quietly select nothing."""
    async with attended() as gate:
        await gate.get("/v1/demo/resources")
        known: dict[str, set[str]] = {}
        for family in gate.watching.metrics.collect():
            labels = set(getattr(family, "_labelnames", ())) | {name for one in family.samples for name in one.labels}
            for suffix in ("", "_total", "_bucket", "_count"):
                known[family.name + suffix] = labels | {"job", "instance", "le"}
    asked = [
        (name, label.strip())
        for query in queries()
        for name, selectors in LABELLED.findall(query)
        for label in re.findall(r"([a-z_]+)\s*=", selectors)
    ]
    assert asked
    assert [(name, label) for name, label in asked if label not in known[name]] == []


def test_a_bug_that_lasts_is_told_of_all_the_time() -> None:
    """It is come upon less and less often. The alert looks back far enough to have seen it often enough, still."""
    (expr,) = (rule["expr"] for rule in rules() if rule["alert"] == "TidegateWebhookBroken")
    minutes, often = re.search(r"\[(\d+)m\].* > (\d+)$", expr).groups()  # type: ignore[union-attr]  # or it fails
    assert int(minutes) * 60 >= (int(often) + 2) * MEND_AFTER_MAX_MS / 1_000


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_how_bad_it_is(rule: dict[str, Any]) -> None:
    """Somebody is woken by it."""
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
    assert rule["expr"].count("(") == rule["expr"].count(")")


def test_alerts_have_names_of_their_own() -> None:
    """And nothing that people would notice first is without one."""
    names = [rule["alert"].removeprefix("Tidegate") for rule in rules()]
    assert len(set(names)) == len(names)
    assert {
        "GatewayDown", "PartitionsWithoutHost", "Errors", "ReadModelsBehind", "HostsBusy", "CommitsSlow", "DeadLetters",
    } <= set(names)  # fmt: skip


def test_panels_do_not_lie_upon_each_other() -> None:
    """Each has its own place and number, a title, and a query."""
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (panel["gridPos"]["x"] + dx, panel["gridPos"]["y"] + dy)
        for panel in panels
        for dx in range(panel["gridPos"]["w"])
        for dy in range(panel["gridPos"]["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24
    assert all(panel["title"] and (panel["type"] == "row" or panel["targets"]) for panel in panels)


def test_the_example_scrapes_what_the_documentation_says() -> None:
    """The ports of two workers, under the job that the alerts name."""
    (job,) = yaml.safe_load(SCRAPING.read_text("utf-8"))["scrape_configs"]
    assert job["job_name"] == "tidegate"
    assert job["static_configs"][0]["targets"] == ["127.0.0.1:9464", "127.0.0.1:9465"]
    assert yaml.safe_load(SCRAPING.read_text("utf-8"))["rule_files"] == [ALERTS.name]


@pytest.mark.parametrize("unit", sorted(path.name for path in (DEPLOY / "systemd").iterdir()))
def test_a_unit_starts_what_there_is(unit: str) -> None:
    """By a command and options that the command line knows; and whatever it may write to is named above it among what
    has to be there, since systemd starts nothing whose folders are missing."""
    text = (DEPLOY / "systemd" / unit).read_text("utf-8")
    lines = text.splitlines()
    writable = [path for line in lines if line.startswith("ReadWritePaths=") for path in line.partition("=")[2].split()]
    assert set(writable) <= set(re.findall(r"/[\w./-]*\w", text.partition("[Unit]")[0]))
    (started,) = (line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart="))
    program, *words = started.split()
    assert program.endswith("/.venv/bin/tidegate")
    settings = [word for one in words if "=" in one for word in ("--set", one)]
    assert writable == [one.partition("=")[2] for one in settings if one.startswith("gateway.keys_dir=")]
    for said in ([*words, "--help"], ["config", *settings]):
        asked = subprocess.run([sys.executable, "-m", "tidegate", *said], check=False, capture_output=True, timeout=60)
        assert asked.returncode == 0, asked.stderr
