"""From how few renders on a match is a first guess; imports nothing: commands ask it early."""

LEAST_LISTENED = 8
"""Renders below which a believed guess is taken without listening for echoes, rooms and motion, and
the first guess of what somebody named is made with more care."""

FIRST_GUESS = (
    f"with fewer than {LEAST_LISTENED} renders this is a first guess: echoes, rooms and motion "
    "were not listened for; leave out --budget for more"
)
