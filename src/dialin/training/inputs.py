"""What a training needs, looked at before anything is made of it. No torch.

Songs, effects, priors, presets, the encoder and the folders that will be written to are checked in
a second or two, before a folder is created and before torch is imported, so that a slip costs a
moment and leaves nothing behind.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dialin.data.priors import check_priors, load_presets
from dialin.data.render import check_folder
from dialin.data.songs import look_for_songs
from dialin.errors import UsageError
from dialin.measures.spectral import MRSTFT_SIZES
from dialin.networks.configuration import WEIGHTS, read_config
from dialin.rendering import RenderPool
from dialin.training.rendered import PairFolder, finished, parts
from dialin.training.runs import check_claim

if TYPE_CHECKING:
    from dialin.effects.spec import EffectSpec
    from dialin.training.config import StageRecipe
    from dialin.training.controller_recipe import ControllerRecipe

ENCODER_KINDS = ("vae", "encoder", "style")
"""What an encoder's folder may hold; see `dialin.networks.folder.ENCODERS`."""

LONGEST_FFT = max(MRSTFT_SIZES)

LONGEST_LAG = 32
"""Of `dialin.networks.statistics`, which needs torch."""


def check_inputs(
    recipe: StageRecipe | ControllerRecipe, root: Path, folder: Path, stage: str, *, resume: bool
) -> None:
    """Refuse what could only go wrong later; creates nothing.

    Parameters
    ----------
    recipe : StageRecipe or ControllerRecipe
        Of a stage or of a controller.
    root : Path
        Where rendered pairs are, or will be; what is finished there needs no songs and effects.
    folder : Path
        Of the run.
    stage : str
        As for `dialin.training.runs.claim`.
    resume : bool
        Whether a run in the folder is to be taken up.

    Raises
    ------
    UsageError
        If songs, effects, knobs or the encoder are not there.
    OutputError
        If a folder holds something else.
    """
    check_claim(folder, stage, recipe, resume=resume)
    _check_sizes(recipe)
    if stage == "controller":
        _check_judged(cast("ControllerRecipe", recipe))
    _check_encoder(getattr(recipe, "encoder", None))
    missing = [part for part in parts(recipe.data, root) if finished(part) is None]
    for split in ("train", "valid"):
        part = next((p for p in missing if p.split == split), None)
        if part is not None:
            look_for_songs(part.recipe)
    for part in missing:
        check_folder(part.recipe, part.folder)
    if missing:
        _check_effects(missing)


def _check_sizes(recipe: StageRecipe | ControllerRecipe) -> None:
    data, front_end, loop = recipe.data, recipe.front_end, recipe.loop
    if front_end.sample_rate != data.sample_rate:
        raise UsageError(
            f"front_end.sample_rate = {front_end.sample_rate} but data.sample_rate = "
            f"{data.sample_rate} in the recipe: make them the same"
        )
    if data.samples < front_end.hop:
        raise UsageError(
            f"data.samples = {data.samples} in the recipe is below front_end.hop = {front_end.hop}"
        )
    items = 2 * data.pairs * (len(data.effects) + data.clean)
    batch = loop.batch * loop.devices * loop.nodes
    if items < batch:
        raise UsageError(
            f"{items} items (data.pairs = {data.pairs}) are too few for a batch of {batch}; render "
            "more pairs or make loop.batch smaller"
        )


def _check_judged(recipe: ControllerRecipe) -> None:
    """A controller is judged by MRSTFT, and hears statistics where it has no encoder."""
    samples, frames = recipe.data.samples, recipe.front_end.frames(recipe.data.samples)
    if samples <= LONGEST_FFT // 2:
        raise UsageError(
            f"data.samples = {samples} in the recipe: controllers are judged by spectra of "
            f"{LONGEST_FFT} samples, so use more than {LONGEST_FFT // 2}"
        )
    if not recipe.encoder.folder and frames <= LONGEST_LAG:
        raise UsageError(
            f"data.samples = {samples} with front_end.hop = {recipe.front_end.hop} gives {frames} "
            f"frames; statistics of the spectrum need more than {LONGEST_LAG}"
        )


def _check_effects(missing: list[PairFolder]) -> None:
    wanted = {part.effect: part for part in missing}
    specs: dict[str, EffectSpec] = {}
    with RenderPool(1) as pool:
        for uri in wanted:
            specs[uri] = pool.describe(uri)
    for uri, part in wanted.items():
        check_priors(specs[uri], part.recipe.settings)
        load_presets(part.recipe.settings.presets, specs[uri])


def _check_encoder(options: Any) -> None:
    folder = getattr(options, "folder", "")
    if not folder:
        return
    kind = read_config(folder).get("kind")
    if kind not in ENCODER_KINDS:
        raise UsageError(
            f"encoder.folder = {folder!r} holds a model of kind {kind!r}; an encoder is one of "
            f"{', '.join(ENCODER_KINDS)}"
        )
    if not (Path(folder) / WEIGHTS).is_file():
        raise UsageError(f"encoder.folder = {folder!r} has no {WEIGHTS}")
