"""Who decides on who may ask an organisation's gateway: API keys, and the issuers whose tokens are good. `commands` say
what can be asked, `checks` what may be issued and trusted, `decider` what becomes of it, `limits` how much there may
be.
"""

from actors.access.commands import (
    AccessCommand,
    IssueKey,
    KeyLine,
    ListIssuers,
    ListKeys,
    PutIssuer,
    RemoveIssuer,
    RevokeKey,
    RotateKey,
)
from actors.access.decider import ACCESS, decide, evolve
from actors.access.limits import AccessPolicy

__all__ = [
    "ACCESS",
    "AccessCommand",
    "AccessPolicy",
    "IssueKey",
    "KeyLine",
    "ListIssuers",
    "ListKeys",
    "PutIssuer",
    "RemoveIssuer",
    "RevokeKey",
    "RotateKey",
    "decide",
    "evolve",
]
