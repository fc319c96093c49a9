"""Settings come from four places, the later wins, and nothing that cannot be is let through."""

from __future__ import annotations

from pathlib import Path

import pytest

from events.names import is_identifier
from tidegate.config import SETTINGS, BadSetting, Flag, Settings, load, without_credentials


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(text: str) -> Path:
    path = Path("settings.toml")
    path.write_text(text, "utf-8")
    return path


def refusal(
    file: Path | None = None, environ: dict[str, str] | None = None, flags: tuple[Flag, ...] = ()
) -> BadSetting:
    with pytest.raises(BadSetting) as caught:
        load(file, environ or {}, flags)
    return caught.value


def test_without_any_source_every_setting_has_its_default() -> None:
    """Nothing needs to be configured before the first start."""
    loaded = load(environ={})
    assert loaded.settings == Settings()
    assert set(loaded.sources.values()) == {"default"}


def test_file_environment_and_flags_override_each_other_in_this_order() -> None:
    """The nearer to the person who starts it, the stronger."""
    file = written('org = "from-file"\nruntime = "process"\n[nats]\nport = 1\nstream = "file"\n')
    environ = {"TIDEGATE_NATS_PORT": "2", "TIDEGATE_ORG": "from-environment"}
    loaded = load(file, environ, [Flag("--set org", "org", "from-flag")])
    assert loaded.settings.org == "from-flag"
    assert loaded.settings.nats.port == 2
    assert loaded.settings.nats.stream == "file"
    assert loaded.settings.runtime == "process"
    assert {key: loaded.sources[key] for key in ("org", "nats.port", "nats.stream", "log.level")} == {
        "org": "--set org",
        "nats.port": "TIDEGATE_NATS_PORT",
        "nats.stream": "settings.toml",
        "log.level": "default",
    }


def test_the_file_in_the_working_directory_is_read_without_being_named() -> None:
    """`tidegate.toml` beside the program is enough."""
    Path("tidegate.toml").write_text('org = "here"', "utf-8")
    assert load(environ={}).settings.org == "here"


def test_a_file_named_by_the_environment_is_read() -> None:
    """TIDEGATE_CONFIG names the file as --config does."""
    assert load(environ={"TIDEGATE_CONFIG": str(written('org = "named"'))}).settings.org == "named"


def test_a_named_file_must_exist() -> None:
    """A file that was asked for and isn't there is an error, not an empty file."""
    assert "missing.toml: there is no such file" in str(refusal(Path("missing.toml")))


def test_lists_are_arrays_in_the_file_and_separated_by_commas_elsewhere() -> None:
    """Several servers can be named anywhere."""
    urls = ("nats://a:4222", "tls://b")
    assert load(written('[nats]\nurls = ["nats://a:4222", "tls://b"]'), {}).settings.nats.urls == urls
    assert load(environ={"TIDEGATE_NATS_URLS": "nats://a:4222, tls://b"}).settings.nats.urls == urls


def test_a_home_folder_may_be_written_as_a_tilde() -> None:
    """`~` means what it means to a shell, in a file too."""
    assert load(written('data_dir = "~/tides"'), {}).settings.data_dir == Path.home() / "tides"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[nats]\nprot = 1", "settings.toml: nats.prot: there is no setting 'nats.prot'; did you mean nats.port?"),
        ("[nat]\nport = 1", "there is no setting 'nat'; did you mean nats?"),
        ("nats = 3", "there is no setting 'nats', but a group of that name: nats.urls, nats.port"),
        ('[nats]\nport = "4222"', "nats.port: '4222' does not fit. Expected `int`, got `str`"),
        ("[nats]\nport = 65536", "Expected `int` <= 65535"),
        ("[nats]\nreplicas = 2", "nats.replicas: 2 does not fit"),
        ("[hosts]\ncount = 0", "Expected `int` >= 1"),
        ("data_dir = 3", "data_dir: 3 does not fit"),
        ('data_dir = ""', "data_dir: '' does not fit"),
        ('org = "Demo"', "org: 'Demo' does not fit"),
        ('runtime = "threads"', "runtime: 'threads' does not fit"),
        ("org = ", "is not TOML"),
    ],
)
def test_what_a_file_says_wrong_is_refused_by_file_and_key(text: str, said: str) -> None:
    """An unknown key, a wrong type or a value out of range names its place."""
    error = refusal(written(text))
    assert said in str(error)
    assert "settings.toml" in str(error)
    assert error.code == "bad_setting"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TIDEGATE_NATS_PROT", "1", "TIDEGATE_NATS_PROT: there is no such setting; did you mean TIDEGATE_NATS_PORT?"),
        ("TIDEGATE_NATS_PORT", "many", "TIDEGATE_NATS_PORT: 'many' does not fit"),
        ("TIDEGATE_NATS_PORT", "", "TIDEGATE_NATS_PORT: '' does not fit"),
        ("TIDEGATE_NATS_URLS", "http://a", "TIDEGATE_NATS_URLS: ['http://a'] does not fit"),
        ("TIDEGATE_RAY_ADDRESS", "here", "TIDEGATE_RAY_ADDRESS: 'here' does not fit"),
    ],
)
def test_what_the_environment_says_wrong_is_refused_by_variable(variable: str, value: str, said: str) -> None:
    """A mistyped variable is found at the start, not wondered about later."""
    assert said in str(refusal(environ={variable: value}))


def test_what_a_flag_says_wrong_is_refused_by_flag() -> None:
    """The error names what was typed."""
    assert str(refusal(flags=(Flag("--log-level", "log.level", "loud"),))).startswith("--log-level: 'loud'")
    assert "there is no setting 'lag.level'" in str(refusal(flags=(Flag("--set lag.level", "lag.level", "info"),)))


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"TIDEGATE_NATS_REPLICAS": "3"}, "nats.replicas (from TIDEGATE_NATS_REPLICAS)"),
        ({"TIDEGATE_NATS_MONITOR_URLS": "http://a:8222"}, "nats.monitor_urls (from TIDEGATE_NATS_MONITOR_URLS)"),
        ({"TIDEGATE_NATS_PORT": "9", "TIDEGATE_NATS_MONITOR_PORT": "9"}, "one port cannot be both"),
        ({"TIDEGATE_RUNTIME": "process", "TIDEGATE_RAY_ADDRESS": "auto"}, "ray.address (from TIDEGATE_RAY_ADDRESS)"),
        ({"TIDEGATE_NATS_URLS": "nats://a", "TIDEGATE_NATS_PORT": "9"}, "nats.port (from TIDEGATE_NATS_PORT)"),
        ({"TIDEGATE_NATS_URLS": "nats://a", "TIDEGATE_NATS_MONITOR_PORT": "9"}, "nats.monitor_port (from"),
        ({"TIDEGATE_RUNTIME": "process", "TIDEGATE_RAY_OBJECT_STORE_MB": "99"}, "the runtime is process"),
        ({"TIDEGATE_RAY_ADDRESS": "auto", "TIDEGATE_RAY_OBJECT_STORE_MB": "99"}, "ray.address names a cluster"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(environ: dict[str, str], said: str) -> None:
    """Each value may be fine, and the whole not."""
    assert said in str(refusal(environ=environ))


def test_a_later_source_can_take_back_what_stands_in_the_way() -> None:
    """A default asks for nothing, wherever it stands."""
    file = written('runtime = "process"\n[nats]\nport = 4222\n[ray]\nobject_store_mb = 99\n')
    flags = [Flag("--set", "nats.port", "0"), Flag("--set", "ray.object_store_mb", "80")]
    assert load(file, {"TIDEGATE_NATS_URLS": "nats://a"}, flags).settings.nats.urls == ("nats://a",)


def test_an_external_cluster_may_ask_for_replicas() -> None:
    """What the embedded server cannot do, three servers can."""
    environ = {"TIDEGATE_NATS_URLS": "nats://a", "TIDEGATE_NATS_REPLICAS": "3"}
    settings = load(environ=environ).settings
    assert settings.nats.replicas == 3
    assert not settings.embedded


def test_credentials_in_addresses_are_never_shown() -> None:
    """Neither a listing nor an error repeats a password."""
    loaded = load(environ={"TIDEGATE_NATS_URLS": "nats://me:hunter2@a,nats://token@b"})
    assert loaded.settings.nats.urls[0] == "nats://me:hunter2@a"
    assert loaded.value("nats.urls") == ["nats://·····@a", "nats://·····@b"]
    assert "hunter2" not in str(refusal(environ={"TIDEGATE_NATS_URLS": "ftp://me:hunter2@a"}))
    assert "hunter2" not in str(refusal(written('[nats]\nurls = "nats://me:hunter2@a"')))
    assert without_credentials("nats://a@b@host:1/x@y") == "nats://·····@host:1/x@y"


def test_every_setting_has_a_meaning_and_a_variable_of_its_own() -> None:
    """A setting that nobody can understand or reach is not one."""
    assert all(setting.meaning.endswith(".") for setting in SETTINGS.values())
    assert len({setting.variable for setting in SETTINGS.values()}) == len(SETTINGS)


@pytest.mark.parametrize("name", ["a", "a-b_c", "-a", "A", "", "a" * 64, "a" * 65, "a\n", "a.b"])
def test_the_organisation_follows_the_grammar_of_identifiers(name: str) -> None:
    """The setting accepts exactly what `events.names` accepts."""
    environ = {"TIDEGATE_ORG": name}
    if is_identifier(name):
        assert load(environ=environ).settings.org == name
    else:
        refusal(environ=environ)
