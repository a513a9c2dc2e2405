"""Making a map of an effect, by one of three ways.

``pca``         the two main directions in which sounds of random settings differ, and settings by
                local regression on the plane
``vae``         a small beta-VAE from those sounds to a plane and back to settings (needs torch)
``controller``  the bottleneck of a trained controller with a latent of two dimensions

`benchmarks/maps.py` compares them; the default is the one that came out best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.effects.spec import EffectSpec
from dialin.errors import UsageError
from dialin.maps.layout import fill, orient, principal, spread_evenly, to_square
from dialin.maps.map import EffectMap
from dialin.maps.sounds import Sounds, draw, hear
from dialin.rendering import RenderPool

Way = Literal["pca", "vae", "controller"]
WAYS: tuple[Way, ...] = ("pca", "vae", "controller")


@dataclass(frozen=True)
class MapOptions:
    """How a map is made.

    Attributes
    ----------
    way : {"pca", "vae", "controller"}
    sounds : int
        Settings that are heard on every recording.
    size : int
        Points along a side of the grid.
    width : float
        Of the regression's Gaussian, in the square from -1 to 1.
    even : float
        0 to 1: how far sounds are spread evenly along the axes.
    seed : int
    """

    way: Way = "pca"
    sounds: int = 400
    size: int = 33
    width: float = 0.2
    even: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            raise UsageError(f"way = {self.way!r}: use one of {', '.join(WAYS)}")
        if self.sounds < 20 or self.size < 3 or not 0 < self.width <= 2 or not 0 <= self.even <= 1:
            raise UsageError(
                f"{asdict(self)}: use at least 20 sounds, a size of at least 3, a width above 0 "
                "and an evenness of 0 to 1"
            )


def fit_map(
    pool: RenderPool,
    uri: str,
    recordings: Sequence[Audio],
    sample_rate: int,
    options: MapOptions | None = None,
    *,
    spec: EffectSpec | None = None,
    model: Path | None = None,
    sounds: Sounds | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> EffectMap:
    """Make a map of an effect.

    Parameters
    ----------
    pool : RenderPool
        Workers that render.
    uri : str
        Of the effect or chain.
    recordings : sequence of ndarray, float32, shape (channels, samples)
        What the effect is heard on; a few seconds each.
    sample_rate : int
        In hertz.
    options : MapOptions, optional
        How it is fitted; the defaults if left out.
    spec : EffectSpec, optional
        With dead knobs marked, which are left alone; as the effect describes itself by default.
    model : Path, optional
        Folder of a controller, for that way.
    sounds : Sounds, optional
        Heard before, to make several maps from.
    progress : callable, optional
        ``progress(done, total)``, in renders.

    Returns
    -------
    EffectMap

    Raises
    ------
    UsageError
        If the effect has no live knob, or the controller does not fit.
    """
    chosen = options or MapOptions()
    spec = spec or pool.describe(uri)
    if not any(p.status == "live" for p in spec.parameters):
        raise UsageError(f"{spec.name} has no live knob, so there is nothing to map")
    heard = sounds or hear(
        pool,
        uri,
        recordings,
        sample_rate,
        draw(spec, chosen.sounds, chosen.seed),
        progress=progress,
    )
    about: dict[str, Any] = {"options": asdict(chosen), "heard": len(heard.settings)}
    if chosen.way == "controller":
        grid = _from_controller(pool, uri, recordings, sample_rate, spec, chosen, model)
    else:
        positions = principal(heard.features)
        if chosen.way == "vae":
            from dialin.maps.vae import embed

            positions = embed(heard.features, heard.settings, seed=chosen.seed)
        placed = _place(positions, heard, chosen)
        grid = fill(placed, heard.settings, chosen.size, chosen.width)
    grid = _centred(grid, heard)
    for index, parameter in enumerate(spec.parameters):
        if parameter.status != "live":
            grid[..., index] = spec.default[index]
    return EffectMap(uri, spec.hash, chosen.way, grid, about)


def _place(
    positions: NDArray[np.float64], sounds: Sounds, options: MapOptions
) -> NDArray[np.float64]:
    """Oriented positions in the square, what changes least in its centre."""
    turned = orient(positions, sounds.timbre[:, 0], sounds.timbre[:, 1])
    # A few of the least changed, so that one odd sound does not move the whole map.
    least = np.argsort(sounds.change)[: max(1, len(sounds.change) // 50)]
    square = to_square(turned, turned[least].mean(axis=0))
    return spread_evenly(square, options.even)


def _centred(grid: NDArray[np.float64], sounds: Sounds) -> NDArray[np.float64]:
    """Let the centre be the settings that change least, fading out over a fifth of the map."""
    size = grid.shape[0]
    axis = np.linspace(-1.0, 1.0, size)
    distance = np.hypot(*np.meshgrid(axis, axis))
    least = sounds.settings[int(np.argmin(sounds.change))]
    middle = grid[size // 2, size // 2]
    fade = np.exp(-0.5 * np.square(distance / 0.2))[..., None]
    return np.asarray(np.clip(grid + fade * (least - middle), 0.0, 1.0))


def _from_controller(
    pool: RenderPool,
    uri: str,
    recordings: Sequence[Audio],
    sample_rate: int,
    spec: EffectSpec,
    options: MapOptions,
    model: Path | None,
) -> NDArray[np.float64]:
    """Decode points of a controller's latent, and lay them out as sounds are laid out."""
    from dialin.networks.controller_runtime import RuntimeController

    if model is None:
        raise UsageError("a map from a controller needs its model folder")
    controller = RuntimeController(model)
    if controller.latent != 2 or controller.config["spec_hash"] != spec.hash:
        raise UsageError(
            f"{str(model)!r} is a controller of {controller.config['effect']} with "
            f"{controller.latent} dimensions; a map needs one of {uri} with 2 "
            "(model.latent = 2 and a bottleneck)"
        )
    side = max(5, round(np.sqrt(options.sounds)))
    axis = np.linspace(-2.0, 2.0, side)
    latent = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    settings = controller.decode(latent)
    sounds = hear(pool, uri, recordings, sample_rate, settings)
    if len(sounds.settings) < len(settings):
        raise UsageError(f"{uri} fails at settings of this controller; use another way")
    placed = _place(latent, sounds, options)
    return fill(placed, settings, options.size, options.width)
