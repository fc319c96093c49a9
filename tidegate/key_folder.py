"""The installation's folder of keys, `gateway.keys_dir`, as commands use it beside a gateway or without one.

Signing makes the folder, with a first key, where there is none, as a gateway would. Looking makes nothing: whoever asks
in the wrong folder is told so, and not that every pass is forged and every delivery unsigned.
"""

from __future__ import annotations

from events.clock import Instant
from gateway.keys import BadJwks, BadKeyFolder, Keys, PublicKeys
from gateway.secret import FILE, Secret
from tidegate.config import Settings


def signing_keys(settings: Settings) -> Keys:
    return Keys.open(settings.keys_dir)


def public_keys(settings: Settings, now: Instant) -> PublicKeys:
    """What passes are checked with; refused where nobody has made any."""
    folder = settings.keys_dir
    if not folder.is_dir():
        raise BadJwks(f"there are no keys in {folder}: name the folder as gateway.keys_dir")
    return Keys.open(folder).public(now)


def installation_secret(settings: Settings) -> Secret:
    """What everything else that is secret is worked out from; refused where nobody has made one."""
    folder = settings.keys_dir
    if not (folder / FILE).exists():
        raise BadKeyFolder(f"there is no secret in {folder}: name the folder as gateway.keys_dir")
    return Secret.open(folder)
