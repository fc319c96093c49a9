"""Settings of watching say what they mean, refuse what cannot be, and reach each worker as they were set."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.config import BadSetting, Flag, Loaded, load
from tidegate.workers import _environment


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def loaded(**settings: str) -> Loaded:
    flags = [Flag(f"--set {key}", key.replace("__", "."), value) for key, value in settings.items()]
    return load(environ={}, flags=flags)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"gateway__metrics": "off", "gateway__metrics_port": "9464"}, "turns off"),
        ({"gateway__metrics_port": "65535", "gateway__workers": "2"}, "goes up to 65536"),
        ({"gateway__metrics_port": "8079", "gateway__workers": "2"}, "over gateway.port"),
        ({"gateway__access_log": "false", "gateway__log_addresses": "full"}, "turns off"),
        ({"gateway__otel_endpoint": "collector:4318"}, "OTLP"),
        ({"gateway__drain_s": "61"}, "not ready"),
        ({"gateway__metrics": "public"}, "Who may see"),
    ],
)
def test_what_would_have_no_effect_or_cannot_be_is_refused(settings: dict[str, str], why: str) -> None:
    """A setting that silently does nothing is worse than none."""
    with pytest.raises(BadSetting, match=why):
        loaded(**settings)


def test_each_worker_has_a_port_of_its_own_for_metrics() -> None:
    """Counting up from the one that was set; and none, where none was."""
    found = loaded(gateway__metrics_port="9464", gateway__workers="3")
    ports = [_environment(found, 8080, worker)["TIDEGATE_GATEWAY_METRICS_PORT"] for worker in (1, 2, 3)]
    assert ports == ["9464", "9465", "9466"]
    assert "TIDEGATE_GATEWAY_METRICS_PORT" not in _environment(loaded(gateway__workers="3"), 8080, 1)


def test_a_worker_means_the_same_as_who_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was set and wherever, credentials, lists and noes included."""
    said = loaded(
        nats__urls="nats://who:secret@one:4222,nats://who:secret@two:4222",
        gateway__access_log="false",
        gateway__origins="https://a.example,https://b.example",
        gateway__drain_s="5",
        gateway__workers="2",
    )
    monkeypatch.setenv("TIDEGATE_GATEWAY_PORT", "1")
    environment = {name: text for name, text in _environment(said, 8080, 1).items() if name.startswith("TIDEGATE_")}
    meant = load(environ=environment).settings
    assert meant.nats.urls == said.settings.nats.urls
    assert meant.gateway.origins == ("https://a.example", "https://b.example")
    assert (meant.gateway.access_log, meant.gateway.drain_s) == (False, 5)
    assert (meant.gateway.port, meant.gateway.workers) == (8080, 1)
