"""Booking: an inventory that cannot be double-booked.

`day` decides who has which slots, `eligibility` what may be booked at all, `lifecycle` what may become of a booking,
`parties` who has to take part. Pure, like every decider.
"""
