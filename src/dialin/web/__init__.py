"""The studio: matching, turning knobs and exploring on a local page.

``server``      the application and what it answers to
``guard``       who may ask: token, Host, Origin, sizes, headers of every answer
``recordings``  uploads, and what the page needs to draw and play of them
``catalogue``   the effects that may be named
``jobs``        long work in processes of its own: progress, cancelling
``work``        what runs in those processes
``live``        a loop through effects, quickly, while a knob is turned
``explore``     maps of an effect or a chain
``library``     the history of matches, in a folder and its index
``static``      the page

Nothing of one tab is kept here: each request says all that it needs, and what is kept (recordings,
matches, maps) is never changed by another one.
"""

from __future__ import annotations

from dialin.web.options import StudioOptions

__all__ = ["StudioOptions"]
