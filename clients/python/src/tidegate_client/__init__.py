"""tidegate-client: books, holds and waits in line at a Tidegate, and follows live what changes there.

`Tidegate` blocks and `AsyncTidegate` is awaited; both have the same methods. README.md has a tour.
"""

from tidegate_client.answers import (
    CALLED,
    OVER,
    Booked,
    Booker,
    Booking,
    EventType,
    Held,
    Key,
    Resource,
    Room,
    Seat,
    SessionBegun,
    Slot,
    Ticket,
    Units,
)
from tidegate_client.exchange import Manner
from tidegate_client.holding import Holding
from tidegate_client.later import AsyncTidegate
from tidegate_client.now import Tidegate
from tidegate_client.problems import Problem
from tidegate_client.streams.blocking import BlockingStream
from tidegate_client.streams.conversation import Change
from tidegate_client.streams.showing import SlotNow, UseRun, ahead, runs_of, slots_now, visit_now
from tidegate_client.streams.states import Run
from tidegate_client.streams.stream import Stream
from tidegate_client.streams.views import BlockView, DayView, MonthView, PlaceView, RoomView, TicketView
from tidegate_client.webhooks import BadDelivery, Delivery, verify_webhook
from tidegate_client.work import work_of

__all__ = [
    "CALLED",
    "OVER",
    "AsyncTidegate",
    "BadDelivery",
    "BlockView",
    "BlockingStream",
    "Booked",
    "Booker",
    "Booking",
    "Change",
    "DayView",
    "Delivery",
    "EventType",
    "Held",
    "Holding",
    "Key",
    "Manner",
    "MonthView",
    "PlaceView",
    "Problem",
    "Resource",
    "Room",
    "RoomView",
    "Run",
    "Seat",
    "SessionBegun",
    "Slot",
    "SlotNow",
    "Stream",
    "Ticket",
    "TicketView",
    "Tidegate",
    "Units",
    "UseRun",
    "ahead",
    "runs_of",
    "slots_now",
    "verify_webhook",
    "visit_now",
    "work_of",
]
