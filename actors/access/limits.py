"""The limits of one organisation's access, which a deployment may set otherwise; units last."""

from __future__ import annotations

from typing import Final

import msgspec

from events.limits import SHELF_ITEM_BYTES_MAX

DAY_S: Final = 86_400


class AccessPolicy(msgspec.Struct, frozen=True):
    """How many of everything, how long, how far."""

    keys_max: int = 200
    """Living at a time: neither revoked nor expired."""
    key_ids_max: int = 10_000
    """Ever issued. What is remembered of those that are over is their id alone, and that for good."""
    name_characters_max: int = 200
    key_life_s_max: int = 10 * 366 * DAY_S
    """Of one that expires; it may also never."""
    overlap_s_max: int = 7 * DAY_S
    """So long after a rotation the old secret may be good, too."""

    issuers_max: int = 10
    url_characters_max: int = 2_000
    audience_characters_max: int = 500
    claim_names_max: int = 8
    """How deep in a token roles may stand."""
    claim_characters_max: int = 200
    """Of a name on the way to the roles, and of a value that gives one."""
    role_values_max: int = 100


_ID_BYTES_MAX: Final = 64
_KEY_BYTES_MAX: Final = 2_048
_DEFAULT: Final = AccessPolicy()
assert _DEFAULT.keys_max <= _DEFAULT.key_ids_max
assert (
    _DEFAULT.keys_max * _KEY_BYTES_MAX
    + _DEFAULT.key_ids_max * (_ID_BYTES_MAX + 64)
    + _DEFAULT.issuers_max * 4 * (2 * _DEFAULT.url_characters_max + _DEFAULT.role_values_max * 256)
    < SHELF_ITEM_BYTES_MAX
), "a snapshot of it is kept, however full it is"
