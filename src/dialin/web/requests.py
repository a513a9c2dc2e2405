"""What the studio can be asked, as data: checked on the way in, and described in its OpenAPI."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dialin.web.live import LiveSlot

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Uri = Annotated[str, Field(min_length=1, max_length=2_000)]
Aspect = Annotated[str, Field(pattern=r"^[a-z ]{1,32}$")]
Position = Annotated[float, Field(ge=0.0, le=1.0)]
Amount = Annotated[float, Field(ge=0.0, le=100.0)]
ExportKind = Literal["json", "vstpreset", "lv2", "reaper"]


class Model(BaseModel):
    """Plain data without anything that is not asked for; numbers are finite."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class RecordingPart(Model):
    """A recording, or a stretch of it: start and length in seconds."""

    recording: Id
    stretch: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(gt=0, le=600)]] | None = (
        None
    )


class Reference(RecordingPart):
    """A reference, and how much it counts."""

    weight: Annotated[float, Field(gt=0, le=100)] = 1.0


class MatchRequest(Model):
    """What to match, and with what.

    Effects are ``auto``, which leaves all to dialin, another word that it knows, or URIs in order.
    """

    input: RecordingPart
    references: Annotated[list[Reference], Field(min_length=1, max_length=8)]
    effects: (
        Annotated[str, Field(pattern=r"^[a-z]{1,32}$")]
        | Annotated[list[Uri], Field(min_length=1, max_length=32)]
    ) = "auto"
    budget: Annotated[int, Field(ge=1, le=20_000)] | None = None
    seconds: Annotated[float, Field(gt=0, le=86_400)] | None = None
    seed: Annotated[int, Field(ge=0, lt=1 << 31)] = 0
    only: Annotated[list[Aspect], Field(max_length=16)] | None = None
    weights: dict[Aspect, Annotated[float, Field(ge=0, le=100)]] | None = None
    lock: dict[Annotated[str, Field(max_length=200)], float] | None = None
    keep: bool = False


class Knobs(Model):
    """One effect, where its knobs stand (0 to 1, in its order), and whether it is left out."""

    uri: Uri
    settings: Annotated[list[Position], Field(max_length=4_096)]
    bypass: bool = False
    neutrals: dict[Annotated[str, Field(max_length=200)], float] = {}

    def slot(self) -> LiveSlot:
        """The same for `dialin.web.live`."""
        return LiveSlot(self.uri, tuple(self.settings), self.bypass, self.neutrals)


class ChainRequest(Model):
    """Effects in order, at an amount."""

    slots: Annotated[list[Knobs], Field(max_length=64)]
    amount: Amount = 100.0


class StudioRenderRequest(ChainRequest):
    """A stretch of a recording through effects. `changed` is the effect whose knob is turned."""

    recording: Id
    start: Annotated[float, Field(ge=0)] = 0.0
    seconds: Annotated[float, Field(gt=0, le=60)]
    changed: Annotated[int, Field(ge=0)] | None = None


class ExportRequest(ChainRequest):
    """What is heard, as a preset."""

    kind: ExportKind = "json"
    name: Annotated[str, Field(max_length=100)] = "preset"
    about: dict[str, Any] = {}


class FileRequest(ChainRequest):
    """What is heard, of the whole recording."""

    recording: Id
    headroom: bool = False


class WarmRequest(Model):
    """Effects that will be turned soon."""

    uris: Annotated[list[Uri], Field(max_length=64)]


class FavouriteRequest(Model):
    """A favourite: effects in order; none takes it out."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    effects: Annotated[list[Uri], Field(max_length=32)] | None


class MapRequest(Model):
    """A map of some effects around where their knobs stand, heard on a stretch of a recording."""

    recording: Id
    start: Annotated[float, Field(ge=0)] = 0.0
    seconds: Annotated[float, Field(gt=0, le=60)]
    slots: Annotated[list[Knobs], Field(min_length=1, max_length=32)]
