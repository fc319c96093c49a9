"""Text that is stored can be shown: whatever people are called and write, but no control characters."""

from __future__ import annotations

import unicodedata
from typing import Final

_UNFIT: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, lone halves of surrogate pairs, and line breaks by another name."""


def unfit_text(text: str, *, lines: bool = False) -> str | None:
    """The first character that cannot be shown, in words; line feeds can be in what has `lines`."""
    if text.isprintable():
        return None
    for place, character in enumerate(text, 1):
        if unicodedata.category(character) in _UNFIT and not (lines and character == "\n"):
            return f"character {place}, U+{ord(character):04X}, cannot be shown"
    return None
