"""Webhooks: which endpoints an organisation has, and how far each of them has been told.

`registry` decides about the endpoints of an organisation, by the `checks`; `delivery` keeps what a courier reports of
one of them, and sees to it that one courier at a time delivers. Neither knows what is sent: that is the gateway's.
"""
