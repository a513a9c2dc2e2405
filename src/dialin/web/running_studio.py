"""What a running studio holds, and how its routes reach it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from dialin.web.catalogue import Catalogue
from dialin.web.jobs import Jobs
from dialin.web.library import Library
from dialin.web.live import Live
from dialin.web.options import StudioOptions


@dataclass(eq=False)
class Studio:
    """Everything that a running studio holds.

    Attributes
    ----------
    options : StudioOptions
    token : str
    library : Library
    catalogue : Catalogue
    live : Live
    jobs : Jobs
    """

    options: StudioOptions
    token: str
    library: Library
    catalogue: Catalogue = field(default_factory=Catalogue)
    live: Live = field(default_factory=Live)
    jobs: Jobs = field(default_factory=lambda: Jobs({"match": 1, "map": 1, "render": 2}))


def _studio(request: Request) -> Studio:
    studio: Studio = request.app.state.studio
    return studio


Here = Annotated[Studio, Depends(_studio)]
