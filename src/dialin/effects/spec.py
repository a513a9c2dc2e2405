"""What is known of an effect without rendering it: identity and knobs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dialin.effects.parameter import Parameter
from dialin.errors import ParameterError

Settings = NDArray[np.float64]
"""One value in [0, 1] for each live or dead parameter of an effect, in spec order."""


@dataclass(frozen=True)
class EffectSpec:
    """Identity and parameters of an effect.

    Attributes
    ----------
    uri : str
        How to open it again: ``builtin:reverb``, ``lv2:http://...``, ``vst3:/path``, ``au:...``,
        ``faust:/path.dsp``; for a chain ``chain:`` and the slots' URIs as JSON.
    name : str
        As the effect calls itself.
    format : str
        ``builtin``, ``lv2``, ``vst3``, ``au``, ``faust``, ``mix``, ``chain`` or ``fake``.
    parameters : tuple of Parameter
        The settable ones first to last: this is the order of the settings vector.
    excluded : tuple of Parameter
        Those left at their default: bypass, meters, programs, host internals.
    version : str
        The plugin's own version, where it tells.
    vendor : str
    category : str
        Such as ``Reverb`` or ``Dynamics``, where it is known.
    file : str
        The plugin's file or bundle, empty for built-ins.
    file_hash : str
        SHA-256 of its binary, or of what identifies the build; empty where there is none.
    channels : int
        That the plugin itself takes: 1 for mono ones, which run once a channel, 2 for stereo
        ones; 0 where any number will do.
    """

    uri: str
    name: str
    format: str
    parameters: tuple[Parameter, ...]
    excluded: tuple[Parameter, ...] = ()
    version: str = ""
    vendor: str = ""
    category: str = ""
    file: str = ""
    file_hash: str = ""
    channels: int = 0

    def __post_init__(self) -> None:
        ids = [p.id for p in (*self.parameters, *self.excluded)]
        twice = {i for i in ids if ids.count(i) > 1}
        if twice:
            raise ParameterError(f"{self.uri}: parameter ids used twice: {sorted(twice)}")

    @cached_property
    def hash(self) -> str:
        """Hash of everything that gives a settings vector its meaning (16 hex digits).

        What a probe finds out (dead knobs, neutral positions) is no part of it.
        """
        unprobed = {"status": "", "neutral": None}
        known = ({**p.to_dict(), **unprobed} for p in self.parameters)
        # Where other hosts find a knob says nothing of what it does.
        body = [
            self.uri,
            *({k: v for k, v in each.items() if k not in ("index", "title")} for each in known),
        ]
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def size(self) -> int:
        """Length of the settings vector."""
        return len(self.parameters)

    @property
    def default(self) -> Settings:
        """The effect's own default settings."""
        return np.array([p.to_normalised(p.default) for p in self.parameters], dtype=np.float64)

    def index(self, id: str) -> int:
        """Place of a parameter in the settings vector; `ParameterError` lists what there is.

        Parameters
        ----------
        id : str
            Of the parameter.

        Returns
        -------
        int
            From 0.

        Raises
        ------
        ParameterError
            If there is none of that id.
        """
        for index, parameter in enumerate(self.parameters):
            if parameter.id == id:
                return index
        import difflib

        known = [p.id for p in self.parameters]
        near = difflib.get_close_matches(id, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"it has: {', '.join(known)}"
        raise ParameterError(f"{self.name} has no parameter {id!r}; {hint}")

    def check(self, settings: ArrayLike) -> Settings:
        """Return settings as a snapped, clipped vector, or raise `ParameterError`.

        Parameters
        ----------
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        ndarray, float64, shape (knobs,)
            A new array, each value in [0, 1] and at an allowed position.

        Raises
        ------
        ParameterError
            If there are more or fewer settings than parameters, or one is not finite.
        """
        vector = np.asarray(settings, dtype=np.float64)
        if vector.shape != (self.size,):
            raise ParameterError(
                f"{self.name} takes {self.size} settings, not an array of shape {vector.shape}"
            )
        return np.array(
            [p.snap(v) for p, v in zip(self.parameters, vector, strict=True)], dtype=np.float64
        )

    def vector(self, native: Mapping[str, float]) -> Settings:
        """Settings from native values by id; parameters not named keep their default.

        Parameters
        ----------
        native : mapping of str to float
            In each parameter's own unit.

        Returns
        -------
        ndarray, float64, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Raises
        ------
        ParameterError
            If an id is unknown, or a value lies outside its range.
        """
        result = self.default
        for id, value in native.items():
            index = self.index(id)
            result[index] = self.parameters[index].to_normalised(value)
        return result

    def native(self, settings: ArrayLike) -> dict[str, float]:
        """Native values by id.

        Parameters
        ----------
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        dict of str to float
            In each parameter's own unit.

        Raises
        ------
        ParameterError
            If there are more or fewer settings than parameters, or one is not finite.
        """
        vector = self.check(settings)
        return {p.id: p.to_native(v) for p, v in zip(self.parameters, vector, strict=True)}

    def texts(self, settings: ArrayLike) -> dict[str, str]:
        """Values as a person reads them, by id.

        Parameters
        ----------
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        dict of str to str

        Raises
        ------
        ParameterError
            If there are more or fewer settings than parameters, or one is not finite.
        """
        vector = self.check(settings)
        return {p.id: p.text(v) for p, v in zip(self.parameters, vector, strict=True)}

    def random(self, rng: np.random.Generator) -> Settings:
        """Settings drawn uniformly in the normalised space, stepped knobs snapped.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of chance; drawn from in a fixed order.

        Returns
        -------
        ndarray, float64, shape (knobs,)
            Positions of the knobs, 0 to 1.
        """
        return self.check(rng.random(self.size))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back."""
        return {
            "uri": self.uri,
            "name": self.name,
            "format": self.format,
            "version": self.version,
            "vendor": self.vendor,
            "category": self.category,
            "file": self.file,
            "file_hash": self.file_hash,
            "channels": self.channels,
            "parameters": [p.to_dict() for p in self.parameters],
            "excluded": [p.to_dict() for p in self.excluded],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> EffectSpec:
        """Read what `to_dict` wrote.

        Parameters
        ----------
        data : mapping
            Plain data.

        Returns
        -------
        EffectSpec
        """
        fields = dict(data)
        for key in ("parameters", "excluded"):
            fields[key] = tuple(Parameter.from_dict(p) for p in fields[key])
        return cls(**fields)
