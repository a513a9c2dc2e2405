"""Numbers from sound: what effects do in time, and what music shows of it.

Each module is one family and imports nothing above `dialin.audio`, so that matching, learning and
the referee measure alike.
"""
