"""Chained Ogg files: several recordings one after the other (RFC 3533, section 4)."""

from __future__ import annotations

from dialin.audio.mpeg import Data
from dialin.audio.splice import FileLayout, Section

_BEGINS = 2
"""Flag of a page that begins a stream."""


def ogg_layout(data: Data) -> FileLayout:
    """Sections of an Ogg file, one for each link of the chain.

    libsndfile reads the first link only. All first pages of streams that are played together stand
    at the start of their link; so one that follows another kind of page begins the next link.

    Parameters
    ----------
    data : Data
        The file's bytes, mapped or in memory.

    Returns
    -------
    FileLayout
        Empty for a single link.
    """
    links: list[int] = []
    place, size, beginning = 0, len(data), False
    while (place := data.find(b"OggS", place)) >= 0 and place + 27 <= size:
        segments = data[place + 26]
        begins = bool(data[place + 5] & _BEGINS)
        if begins and not beginning:
            links.append(place)
        beginning = begins
        place += 27 + segments + sum(data[place + 27 : place + 27 + segments])
    if len(links) < 2:
        return FileLayout()
    return FileLayout(
        tuple(Section(((a, b),)) for a, b in zip(links, [*links[1:], size], strict=True))
    )
