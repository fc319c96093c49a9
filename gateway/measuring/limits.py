"""What is bounded in measuring, units last."""

from __future__ import annotations

from typing import Final

# Whether we are ready
HOSTS_HEARD_S: Final = 2.0
"""A host that was not heard for this long does not count. Others take over after one second."""
MODELS_HEARD_S: Final = 3.0
"""Projectors beat once a second."""
LOG_ASKED_MS: Final = 1_000
"""How long the log may take to say that it is there."""
LOG_FRESH_S: Final = 0.5
"""Its answer is given to everybody who asks within so long, so that nobody can have it asked more often."""

# What is around us
LOOK_AT_LOG_S: Final = 5.0
"""How often the log is asked how far it goes, for what read models are behind it."""
FORGOTTEN_S: Final = 60.0
"""Whoever was not heard for this long is shown no more."""
HOSTS_MAX: Final = 1_000
PROJECTORS_MAX: Final = 100
ROOMS_KEPT_MAX: Final = 2_000
ROOMS_SHOWN_MAX: Final = 50
"""Those with most people in line. Each is a dozen series, and an installation may have thousands of rooms."""

# What is asked of us
PROBLEMS_MAX: Final = 500
"""Codes of problems that are counted apart; all beyond together."""
SERIES_MAX: Final = 2_000
"""Routes, methods and statuses that are measured apart; all beyond together."""

# Traces
FOLLOWED_MAX: Final = 256
"""Commits that are waited for to be told, for the sake of their spans."""
HEARD_MAX: Final = 2_000
"""Sequences whose deltas are remembered, for a commit that we learn of later than of its deltas."""
TOLD_WITHIN_S: Final = 5.0
"""A commit that was not told by then gets its span without."""
SPANS_FLUSHED_MS: Final = 3_000
"""What is left of spans when we stop is sent, if that takes no longer."""

assert LOG_FRESH_S * 1000 <= LOG_ASKED_MS < HOSTS_HEARD_S * 1000
