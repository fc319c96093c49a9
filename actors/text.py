"""Text that is stored can be shown: whatever people are called and write, but no control characters."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_UNFIT: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, lone halves of surrogate pairs, and line breaks by another name."""
EMAIL_CHARACTERS_MAX: Final = 320
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")


def unfit_text(text: str, *, lines: bool = False) -> str | None:
    """The first character that cannot be shown, in words; line feeds can be in what has `lines`."""
    if text.isprintable():
        return None
    for place, character in enumerate(text, 1):
        if unicodedata.category(character) in _UNFIT and not (lines and character == "\n"):
            return f"character {place}, U+{ord(character):04X}, cannot be shown"
    return None


def is_email(text: str) -> bool:
    """Whether it may be somebody's address. Where letters can go is for whoever writes them to say."""
    return _EMAIL.fullmatch(text) is not None and unfit_text(text) is None
