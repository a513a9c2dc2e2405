"""What may be chosen of a controller's network, and what decides it. No torch.

See `dialin.networks.controller` for what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from dialin.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """What may be chosen of a controller's network.

    Attributes
    ----------
    head : {"bottleneck", "direct", "linear"}
    output : {"point", "bins", "mixture"}
    latent : int
        Dimensions of the bottleneck, 2 to 8.
    hidden : tuple of int
        Widths of the encoder's layers; the decoder has the last of them.
    dropout : float
    clamp : tuple of float
        Settings of a point output are kept in this range.
    bins, candidates : int
        Of the outputs ``bins`` and ``mixture``.
    """

    head: Literal["bottleneck", "direct", "linear"] = "bottleneck"
    output: Literal["point", "bins", "mixture"] = "point"
    latent: int = 8
    hidden: tuple[int, ...] = (256, 128)
    dropout: float = 0.2
    clamp: tuple[float, float] = (0.0, 1.0)
    bins: int = 20
    candidates: int = 4


@dataclass(frozen=True, kw_only=True)
class ControllerConfig(NetworkOptions):
    """All that decides a controller's network.

    Attributes
    ----------
    knobs : int
        Of the effect.
    embedding : int
        Dimensions of an embedding.
    timbre : int
        Attributes of timbre for each of the two sounds; 0 for none, 8 for all.
    time : int
        Numbers that tell of echoes, rooms and motion in both
        (`dialin.measures.time_features.pair_features`); 0 for none.
    """

    knobs: int
    embedding: int
    timbre: int = 0
    time: int = 0

    def __post_init__(self) -> None:
        if self.head == "bottleneck" and not 2 <= self.latent <= 8:
            raise RecipeError(f"model.latent = {self.latent}: use 2 to 8 dimensions")
        if self.knobs < 1 or self.embedding < 1 or self.timbre not in (0, 8) or self.time < 0:
            raise RecipeError(
                f"a controller of {self.knobs} knobs from embeddings of {self.embedding}, "
                f"{self.timbre} attributes and {self.time} time features: use at least one knob, "
                "0 or 8 attributes, and no less than 0 features"
            )
        if not 0.0 <= self.clamp[0] < 0.5 < self.clamp[1] <= 1.0:
            raise RecipeError(f"model.clamp = {list(self.clamp)}: use a range around 0.5 in 0 to 1")
        if self.bins < 2 or self.candidates < 1:
            raise RecipeError("model.bins must be at least 2, model.candidates at least 1")
        if self.head != "linear" and not self.hidden:
            raise RecipeError(
                "model.hidden is empty: name at least one width, or use a linear head"
            )

    @property
    def inputs(self) -> int:
        """Numbers that the encoder takes."""
        return 2 * (self.embedding + self.timbre) + self.time

    @property
    def outputs(self) -> int:
        """Numbers that the decoder gives."""
        if self.output == "bins":
            return self.knobs * self.bins
        if self.output == "mixture":
            return self.candidates * (1 + 2 * self.knobs)
        return self.knobs

    def to_dict(self) -> dict[str, Any]:
        """Plain data; `from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ControllerConfig:
        """Read what `to_dict` wrote.

        Parameters
        ----------
        data : mapping
            Plain data.

        Returns
        -------
        ControllerConfig
        """
        fields = dict(data)
        for key in ("hidden", "clamp"):
            fields[key] = tuple(fields[key])
        return cls(**fields)
