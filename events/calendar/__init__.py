"""Time as bookings know it: the grid of quarter hours, opening by local clocks, which starts are offered.

All of it is pure: instants in, instants out, and `now` is an argument. Those who decide and those who show call the
same functions, so that what is offered is what is accepted.

`quantum` is the grid, `zones` the clocks, `opening` when a schedule is open, `offers` which starts an event type has,
`periods` what quotas count by; `bits` and `bitmaps` look for room in a day and in a thousand calendars.
"""
