"""What a training needs, looked at before anything is made of it. No torch.

Songs, effects, priors, presets, the encoder and the folders that will be written to are checked in
a second or two, before a folder is created and before torch is imported, so that a slip costs a
moment and leaves nothing behind.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialin.data.priors import check_priors, load_presets
from dialin.data.render import check_folder
from dialin.data.songs import look_for_songs
from dialin.errors import UsageError
from dialin.networks.configuration import WEIGHTS, read_config
from dialin.rendering import RenderPool
from dialin.training.rendered import Part, finished, parts
from dialin.training.runs import check_claim

if TYPE_CHECKING:
    from dialin.effects.spec import EffectSpec
    from dialin.training.config import StageRecipe
    from dialin.training.controller_recipe import ControllerRecipe

ENCODER_KINDS = ("vae", "style")
"""What an encoder's folder may hold; see `dialin.networks.folder.ENCODERS`."""


def check_inputs(
    recipe: StageRecipe | ControllerRecipe, root: Path, folder: Path, stage: str, *, resume: bool
) -> None:
    """Refuse what could only go wrong later; creates nothing.

    Parameters
    ----------
    recipe : StageRecipe or ControllerRecipe
    root : Path
        Where rendered pairs are, or will be; what is finished there needs no songs and effects.
    folder : Path
        Of the run.
    stage : str
        As for `dialin.training.runs.claim`.
    resume : bool

    Raises
    ------
    UsageError
        If songs, effects, knobs or the encoder are not there.
    OutputError
        If a folder holds something else.
    """
    check_claim(folder, stage, recipe, resume=resume)
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


def _check_effects(missing: list[Part]) -> None:
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
