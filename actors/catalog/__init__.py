"""Who decides on an organisation's catalog: `commands` say what can be asked, `checks` what may stand in it,
`decider` what becomes of it. `rations` says how what may be booked shrinks or goes, `regions` knows time zones and
holidays, `limits` how much there may be.
"""

from actors.catalog.commands import (
    CatalogCommand,
    LiftRation,
    Link,
    ListEventTypes,
    ListResources,
    ListSchedules,
    PutEventType,
    PutResource,
    PutSchedule,
    RationResource,
    RemoveEventType,
    RemoveSchedule,
    RetireResource,
    ShowResource,
    Unlink,
)
from actors.catalog.decider import CATALOG, decide, evolve, wake
from actors.catalog.limits import CatalogPolicy

__all__ = [
    "CATALOG",
    "CatalogCommand",
    "CatalogPolicy",
    "LiftRation",
    "Link",
    "ListEventTypes",
    "ListResources",
    "ListSchedules",
    "PutEventType",
    "PutResource",
    "PutSchedule",
    "RationResource",
    "RemoveEventType",
    "RemoveSchedule",
    "RetireResource",
    "ShowResource",
    "Unlink",
    "decide",
    "evolve",
    "wake",
]
