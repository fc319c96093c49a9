"""The program: the command line, its configuration and logs, the embedded stack, and the tools that look at a log.

This is the top floor. It may import everything and nothing imports it; so what is learned here (settings,
where a server listens, how to log) is handed down as arguments. No rule of a domain lives here.
"""

from importlib.metadata import version
from typing import Final

__version__: Final = version("tidegate")
