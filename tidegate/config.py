"""Configuration: one typed object, and where each of its values came from.

    default  <  file (tidegate.toml)  <  TIDEGATE_* environment  <  command line

Every setting is declared once, below, with its type, range, default and a sentence. From that follow its key
(`nats.port`), its variable (`TIDEGATE_NATS_PORT`), its place in the file and the listing of `tidegate config`.
Lists are TOML arrays in the file, and separated by commas elsewhere.

Nothing is ignored: an unknown key, a wrong type, a value out of range, or one that another setting leaves without
effect refuses the start and names its source. A setting that silently does nothing is worse than none. (A default asks
for nothing, wherever it stands: so a later source can take back what an earlier one said. Kubernetes invents variables
for a service called `tidegate`: set `enableServiceLinks: false` there.)

It is whole in one module: a setting is found beside all others, and beside what it may stand against.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NoReturn, TypeAlias, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from events.errors import TidegateError

FILE_NAME: Final = "tidegate.toml"
FILE_VARIABLE: Final = "TIDEGATE_CONFIG"
PREFIX: Final = "TIDEGATE_"
DEFAULT: Final = "default"
DEMO_ORG: Final = "demo"
"""The organisation that is meant when none is named, and that `up` fills with something to look at."""

PATHS: Final = frozenset({"gateway.keys_dir", "mail.password_file"})
IDENTIFIER: Final = r"\A[a-z0-9][a-z0-9_-]{0,63}\Z"
"""The grammar of `events.names.identifier`, as a pattern for a type."""

PORT_MAX: Final = 65_535

Port: TypeAlias = Annotated[int, Meta(ge=0, le=PORT_MAX)]
ServerUrl: TypeAlias = Annotated[str, Meta(pattern=r"\A(nats|tls)://[^\s,]+\Z")]
Origin: TypeAlias = Annotated[str, Meta(pattern=r"\A(\*|https?://[^\s,/]+)\Z")]
Network: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9A-Fa-f.:]+(/\d{1,3})?\Z")]
HttpUrl: TypeAlias = Annotated[str, Meta(pattern=r"\Ahttps?://[^\s,]+\Z")]


class BadSetting(TidegateError):
    """A setting that cannot be: unknown, of the wrong type, out of range, or at odds with another."""

    code = "bad_setting"
    next_step = "mend it where it was set; `tidegate config` lists every setting, its meaning and its default"


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Base of a group of settings."""


class NatsSettings(Section, frozen=True):
    urls: Annotated[
        tuple[ServerUrl, ...],
        Meta(description="NATS servers to connect to, nats://… or tls://…; empty starts the embedded one."),
    ] = ()
    port: Annotated[Port, Meta(description="Where the embedded server takes clients; 0 chooses a free port.")] = 0
    monitor_port: Annotated[
        Port, Meta(description="Where the embedded server answers monitoring requests; 0 chooses a free port.")
    ] = 0
    monitor_urls: Annotated[
        tuple[HttpUrl, ...],
        Meta(description="Monitoring addresses of the servers in nats.urls, to verify that they fsync every write."),
    ] = ()
    stream: Annotated[str, Meta(description="The stream that keeps the log.", pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")] = (
        "log"
    )
    replicas: Annotated[
        Literal[1, 3, 5], Meta(description="On how many servers each commit is stored; more than 1 needs a cluster.")
    ] = 1
    max_bytes: Annotated[
        int, Meta(description="Where the log is full and refuses writes, in bytes; 0 means the disk decides.", ge=0)
    ] = 0


class HostsSettings(Section, frozen=True):
    count: Annotated[
        int, Meta(description="How many actor hosts the embedded stack starts; each is a process.", ge=1, le=64)
    ] = msgspec.field(default_factory=lambda: min(2, cores()))


class RaySettings(Section, frozen=True):
    address: Annotated[
        str,
        Meta(
            description="The Ray cluster to join, `auto` or host:port; empty starts Ray on this machine.",
            pattern=r"\A(auto|[^\s:/]+:\d{1,5}|)\Z",
        ),
    ] = ""
    namespace: Annotated[
        str,
        Meta(
            description="Which hosts of that cluster are ours: logs that share a Ray cluster need one each.",
            pattern=IDENTIFIER,
        ),
    ] = "tidegate"
    object_store_mb: Annotated[
        int,
        Meta(description="Shared memory of an embedded Ray, in megabytes; commands don't use it.", ge=79, le=65_536),
    ] = 80


class GatewaySettings(Section, frozen=True):
    host: Annotated[
        str, Meta(description="The address that the gateway listens at; 0.0.0.0 for everybody.", min_length=1)
    ] = "127.0.0.1"
    port: Annotated[Port, Meta(description="And its port, for HTTP and streams; 0 chooses a free one.")] = 8080
    workers: Annotated[
        int,
        Meta(description="How many gateway processes share that port; with 0, `up` starts none.", ge=0, le=64),
    ] = 1
    courier: Annotated[bool, Meta(description="Whether gateways also deliver webhooks, one of them at a time.")] = True
    private_webhooks: Annotated[
        bool, Meta(description="Whether webhooks may lead to this network, by http as well: for development only.")
    ] = False
    origins: Annotated[
        tuple[Origin, ...],
        Meta(description="Other sites whose pages may call us, https://…; * for all, and then without cookies."),
    ] = ()
    keys_dir: Annotated[
        str,
        Meta(description="Where the signing keys are, the same on all nodes; empty for keys/ in the data directory."),
    ] = ""
    rate_factor: Annotated[
        float, Meta(description="Multiplies how often anybody may ask; 0 for as often as they like.", ge=0, le=1e6)
    ] = 1.0
    connections_per_address: Annotated[
        int, Meta(description="How many connections an address may have at a time; 0 for any number.", ge=0)
    ] = 1_000
    trusted_proxies: Annotated[
        tuple[Network, ...],
        Meta(description="Proxies in front of us, 10.0.0.0/8, whose word is taken for where, and how, a request came."),
    ] = ()
    forwarded_header: Annotated[
        Literal["x-forwarded-for", "forwarded"], Meta(description="The header in which they say so, and no other.")
    ] = "x-forwarded-for"
    metrics: Annotated[
        Literal["local", "open", "off"],
        Meta(
            description="Who may see /metrics and what /readyz is about: programs on this machine, everybody, nobody."
        ),
    ] = "local"
    metrics_port: Annotated[
        Port,
        Meta(description="A port of each process's own for these, counting up from here with workers; 0 for none."),
    ] = 0
    access_log: Annotated[bool, Meta(description="Whether each request leaves a line in the log.")] = True
    log_addresses: Annotated[
        Literal["short", "full", "none"],
        Meta(description="How much of a client's address such a line has; short is its network, /24 or /48."),
    ] = "short"
    otel_endpoint: Annotated[
        str,
        Meta(
            description="Where spans of traces are sent, by OTLP over HTTP, http://…:4318; empty for nowhere.",
            pattern=r"\A(https?://[^\s,]+|)\Z",
        ),
    ] = ""
    drain_s: Annotated[
        int,
        Meta(description="For how long a gateway that is to stop still takes requests, but is not ready.", ge=0, le=60),
    ] = 0


class MailSettings(Section, frozen=True):
    host: Annotated[
        str,
        Meta(description="The mail server that takes letters to bookers; empty for no mail.", pattern=r"\A[^\s/@]*\Z"),
    ] = ""
    port: Annotated[int, Meta(description="And its port: 587 as a rule, 465 with tls.", ge=1, le=PORT_MAX)] = 587
    security: Annotated[
        Literal["none", "starttls", "tls"],
        Meta(description="Whether it is spoken to in the clear, encrypted once it offers that, or from the start."),
    ] = "starttls"
    username: Annotated[str, Meta(description="What we are known as there; empty where nobody asks.")] = ""
    password_file: Annotated[str, Meta(description="The file that has our password there, and nothing else.")] = ""
    sender: Annotated[
        str,
        Meta(description="The address that letters are from.", pattern=r"\A([\x21-\x3f\x41-\x7e]+@[A-Za-z0-9.-]+|)\Z"),
    ] = ""
    base_url: Annotated[
        str,
        Meta(
            description="Where people see their bookings, at <base_url>/<org>/bookings/<id>; empty for nowhere.",
            pattern=r"\A(https?://[^\s,]+|)\Z",
        ),
    ] = ""


class LogSettings(Section, frozen=True):
    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="The least that is logged.")] = (
        "info"
    )
    format: Annotated[
        Literal["auto", "human", "json"],
        Meta(description="How log lines look; auto means for people on a terminal and JSON elsewhere."),
    ] = "auto"


class Settings(Section, frozen=True):
    """All settings. Read with `load`; handed down as a whole or in parts, never looked up from afar."""

    org: Annotated[
        str, Meta(description="The organisation that commands are for when none is named.", pattern=IDENTIFIER)
    ] = DEMO_ORG
    data_dir: Annotated[
        Path, Meta(description="Where the embedded stack keeps everything, relative to the working directory.")
    ] = Path(".tidegate")
    runtime: Annotated[
        Literal["ray", "process"],
        Meta(description="What runs the hosts: Ray, or plain processes (for small machines)."),
    ] = "ray"
    nats: NatsSettings = NatsSettings()
    hosts: HostsSettings = msgspec.field(default_factory=HostsSettings)
    ray: RaySettings = RaySettings()
    gateway: GatewaySettings = GatewaySettings()
    mail: MailSettings = MailSettings()
    log: LogSettings = LogSettings()

    @property
    def keys_dir(self) -> Path:
        """Where the signing keys and the secret are."""
        return Path(self.gateway.keys_dir).expanduser() if self.gateway.keys_dir else self.data_dir / "keys"

    @property
    def embedded(self) -> bool:
        """Whether the NATS server is ours to start and stop."""
        return not self.nats.urls


class Setting(msgspec.Struct, frozen=True):
    """What is known of one setting before anyone gives it a value."""

    key: str
    type: Any
    default: Any
    meaning: str

    @property
    def variable(self) -> str:
        return PREFIX + self.key.upper().replace(".", "_")


class Flag(msgspec.Struct, frozen=True):
    """A value from the command line. `name` is what the user typed, for error messages."""

    name: str
    key: str
    text: str


class Loaded(msgspec.Struct, frozen=True):
    """The settings in force, and by key where each came from: `default`, a file, a variable or a flag."""

    settings: Settings
    sources: Mapping[str, str]

    def value(self, key: str) -> Any:
        """The value of one setting as plain data, fit for any screen."""
        return shown(self._of(key))

    def raw(self, key: str) -> str:
        """And as it would be written into the environment, credentials and all."""
        value = self._of(key)
        return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)

    def _of(self, key: str) -> Any:
        value: Any = self.settings
        for name in key.split("."):
            value = getattr(value, name)
        return value


def said_again(settings: Settings, prefix: str) -> list[str]:
    """The settings whose keys begin so, as words that mean the same to another program of ours."""
    words: list[str] = []
    for key in SETTINGS:
        if key.startswith(prefix):
            value: Any = settings
            for name in key.split("."):
                value = getattr(value, name)
            if key in PATHS and value:
                value = Path(value).expanduser().absolute()  # whoever it is said to works in another folder
            words += ["--set", f"{key}={','.join(map(str, value)) if isinstance(value, tuple) else value}"]
    return words


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load(file: Path | None = None, environ: Mapping[str, str] | None = None, flags: Iterable[Flag] = ()) -> Loaded:
    """The settings in force; `BadSetting` when any source says something that cannot be.

    `file` must exist when it is named, here or by TIDEGATE_CONFIG; otherwise ./tidegate.toml is read if it is there.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    sources = dict.fromkeys(SETTINGS, DEFAULT)
    for key, value, source in (*_from_file(file, environ), *_from_environment(environ), *_from_flags(flags)):
        values[key] = value
        sources[key] = source
    settings = _assemble(Settings, values)
    _check_relations(settings, sources)
    return Loaded(settings, sources)


def shown(value: Any) -> Any:
    """`value` as plain data with the credentials of any address left out."""
    if isinstance(value, tuple):
        return [shown(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return without_credentials(value) if isinstance(value, str) else value


def without_credentials(text: str) -> str:
    """`nats://user:secret@host` as `nats://·····@host`."""
    return re.sub(r"(?<=://)[^/\s,]*@", "·····@", text)


def _from_file(file: Path | None, environ: Mapping[str, str]) -> Iterator[tuple[str, Any, str]]:
    named = file or (Path(environ[FILE_VARIABLE]) if environ.get(FILE_VARIABLE) else None)
    path = named or Path(FILE_NAME)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        if named is None:
            return
        raise BadSetting(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path}: cannot be read: {error}") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(f"{path}: is not TOML: {error}") from error
    for key, value in _flatten(tables):
        source = f"{path}: {key}"
        yield key, _convert(_known(key, source), value, source, strict=True), str(path)


def _flatten(tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tables.items():
        key = prefix + name
        if isinstance(value, dict) and key in SECTIONS:
            yield from _flatten(value, f"{key}.")
        else:
            yield key, value


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, Any, str]]:
    by_variable = {setting.variable: setting for setting in SETTINGS.values()}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable == FILE_VARIABLE:
            continue
        setting = by_variable.get(variable)
        if setting is None:
            raise BadSetting(f"{variable}: there is no such setting{_close(variable, by_variable)}")
        yield setting.key, _convert_text(setting, environ[variable], variable), variable


def _from_flags(flags: Iterable[Flag]) -> Iterator[tuple[str, Any, str]]:
    for flag in flags:
        yield flag.key, _convert_text(_known(flag.key, flag.name), flag.text, flag.name), flag.name


def _known(key: str, source: str) -> Setting:
    if key in SECTIONS:
        inside = ", ".join(one for one in SETTINGS if one.startswith(f"{key}."))
        raise BadSetting(f"{source}: there is no setting {key!r}, but a group of that name: {inside}")
    if key not in SETTINGS:
        raise BadSetting(f"{source}: there is no setting {key!r}{_close(key, (*SETTINGS, *SECTIONS))}")
    return SETTINGS[key]


def _close(name: str, names: Iterable[str]) -> str:
    close = get_close_matches(name, list(names), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _convert_text(setting: Setting, text: str, source: str) -> Any:
    value: Any = text
    if _is_list(setting.type):
        value = [item.strip() for item in text.split(",") if item.strip()]
    return _convert(setting, value, source, strict=False)


def _convert(setting: Setting, value: Any, source: str, *, strict: bool) -> Any:
    try:
        return msgspec.convert(value, setting.type, strict=strict, dec_hook=_path)
    except msgspec.ValidationError as error:
        given = without_credentials(repr(value))
        raise BadSetting(f"{source}: {given} does not fit. {error}. {setting.key}: {setting.meaning}") from error


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str) and value.strip():
        return Path(value).expanduser()
    raise ValueError(f"Expected a path, got {value!r}")


def _assemble(section: type[Section], values: Mapping[str, Any], prefix: str = "") -> Any:
    given: dict[str, Any] = {}
    for field in msgspec.structs.fields(section):
        key = prefix + field.name
        if _is_section(field.type):
            given[field.name] = _assemble(field.type, values, f"{key}.")
        elif key in values:
            given[field.name] = values[key]
    return section(**given)


def _check_relations(settings: Settings, sources: Mapping[str, str]) -> None:
    def refuse(key: str, why: str) -> NoReturn:
        raise BadSetting(f"{key} (from {sources[key]}) {why}")

    nats = settings.nats
    if settings.embedded:
        if nats.replicas > 1:
            refuse("nats.replicas", f"asks for {nats.replicas} servers, but the embedded stack has one: set nats.urls")
        if nats.monitor_urls:
            refuse("nats.monitor_urls", "speaks of servers elsewhere: set nats.urls as well")
        if nats.port and nats.port == nats.monitor_port:
            refuse("nats.monitor_port", f"is {nats.port}, and so is nats.port: one port cannot be both")
    else:
        for key, port in (("nats.port", nats.port), ("nats.monitor_port", nats.monitor_port)):
            if port:
                refuse(key, "is for the embedded server, but nats.urls names servers elsewhere: leave out one of them")
    if settings.ray.address and settings.runtime != "ray":
        refuse("ray.address", f"names a Ray cluster, but the runtime is {settings.runtime}")
    if settings.ray.object_store_mb != SETTINGS["ray.object_store_mb"].default:
        if settings.runtime != "ray":
            refuse("ray.object_store_mb", f"is for an embedded Ray, but the runtime is {settings.runtime}")
        if settings.ray.address:
            refuse("ray.object_store_mb", "is for an embedded Ray, but ray.address names a cluster")

    gateway = settings.gateway
    if gateway.metrics_port:
        last = gateway.metrics_port + gateway.workers - 1
        if gateway.metrics == "off":
            refuse("gateway.metrics_port", "is a port for what gateway.metrics turns off: leave out one of them")
        if last > PORT_MAX:
            refuse("gateway.metrics_port", f"goes up to {last} with {gateway.workers} workers")
        if gateway.metrics_port <= gateway.port <= last:
            refuse("gateway.metrics_port", f"goes from {gateway.metrics_port} to {last}, over gateway.port")
    if gateway.log_addresses != "short" and not gateway.access_log:
        refuse("gateway.log_addresses", "is for the lines that gateway.access_log turns off")
    for network in gateway.trusted_proxies:
        try:
            ip_network(network)
        except ValueError as error:
            refuse("gateway.trusted_proxies", f"is no list of networks: {error}")
    if gateway.forwarded_header != SETTINGS["gateway.forwarded_header"].default and not gateway.trusted_proxies:
        refuse("gateway.forwarded_header", "is what proxies say, and nobody is one: set gateway.trusted_proxies")

    mail = settings.mail
    if not mail.host:
        for name in msgspec.structs.asdict(mail):
            if getattr(mail, name) != SETTINGS[f"mail.{name}"].default:
                refuse(f"mail.{name}", "is for mail, and there is none: set mail.host")
    elif not mail.sender:
        refuse("mail.host", "has letters written, and nobody they are from: set mail.sender")
    if mail.username and mail.security == "none":
        refuse("mail.username", "would be sent for everybody to read, and the password with it: set mail.security")
    if bool(mail.username) != bool(mail.password_file):
        given = "username" if mail.username else "password_file"
        refuse(f"mail.{given}", "is of no use alone: a name and a password go together")


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _is_list(kind: Any) -> bool:
    while hasattr(kind, "__metadata__"):
        kind = kind.__origin__
    return get_origin(kind) is tuple


def _declared(section: type[Section], prefix: str = "") -> Iterator[Setting]:
    hints = get_type_hints(section, include_extras=True)
    for field in msgspec.structs.fields(section):
        key = prefix + field.name
        if _is_section(field.type):
            yield from _declared(field.type, f"{key}.")
            continue
        default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        meaning = next(mark.description for mark in hints[field.name].__metadata__[::-1] if mark.description)
        yield Setting(key, hints[field.name], default, meaning)


SETTINGS: Final[Mapping[str, Setting]] = {setting.key: setting for setting in _declared(Settings)}
SECTIONS: Final = frozenset(key.rpartition(".")[0] for key in SETTINGS if "." in key)
