"""Controllers of the nine mda effects: the research project's architecture, and dialin's.

    python benchmarks/controllers.py SONGS --vae runs/vae/model -o runs/controllers [--effects ...]

trains both for each effect, from one set of rendered pairs, and prints MRSTFT on validation songs.
What is there is not trained again, so the command goes on where it was stopped. Then, on songs of
the test split, beside any baseline:

    dialin evaluate half --seed 1 --songs SONGS -n 60 -o table/ --methods \
'untouched,search:100,model:runs/controllers/project/{effect}/model,\
model:runs/controllers/dialin/{effect}/model,\
refine:100:runs/controllers/dialin/{effect}/model,refine:300:runs/controllers/dialin/{effect}/model'

The project's architecture is one matrix from the 64 dimensions of a beta-VAE, for input and
reference, to settings kept in 0.05 to 0.95, by parameter loss. Dialin's is `recipes/controller`:
statistics, a latent of eight dimensions, parameter loss and then MRSTFT through the plugin. How it
listens differs between effects and was chosen on validation songs (`LISTENING`). With ``--time``
dialin's is trained once more, and told of echoes, rooms and motion (``model.time``); ``--set``
changes all recipes: less of everything, without the stage that listens, takes minutes:

    python benchmarks/controllers.py SONGS -o runs/time --effects Delay,Leslie --time \
        --set data.pairs=1200 --set data.valid_pairs=150 --set end_to_end.epochs=0
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from dialin.data.mda import LEFT_ALONE, NINE
from dialin.effects import open_effect
from dialin.evaluation.protocols.one_effect import effect_of
from dialin.training.config import load_recipe
from dialin.training.controller_recipe import ControllerRecipe
from dialin.training.learn import train_controller

RECIPE = Path(__file__).parents[1] / "recipes" / "controller" / "recipe.toml"
BOLD = ("optimiser.rate=1e-3", "spsa.method=spsa", "spsa.directions=4", "spsa.step=0.03")
LISTENING = {
    "Delay": BOLD,
    "Ambience": BOLD,
    "ThruZero": ("optimiser.rate=3e-3", *BOLD[1:]),
    "Overdrive": ("spsa.directions=4",),
    "RingMod": ("spsa.directions=4",),
}
"""Changes of the stage that listens; the others listen as the recipe does."""

SHOWN = ("untouched", "default", "middle", "parameters", "end_to_end", "error")


def recipe_of(effect: str, vae: str, more: Sequence[str]) -> ControllerRecipe:
    """Recipe of an effect: of the project's architecture if `vae` names an encoder."""
    spec = open_effect(effect_of(effect)).spec
    still = [
        f'{knob} = {{ kind = "fixed", value = {float(spec.default[spec.index(knob)])} }}'
        for knob in LEFT_ALONE.get(effect, ())
    ]
    changes = [
        f'data.effects=["{effect_of(effect)}"]',
        f"data.settings.priors={{ {', '.join(still)} }}",
    ]
    if effect == "Overdrive":
        changes.append("data.pairs=4000")
    if vae:
        changes += [f"encoder.folder={json.dumps(vae)}", "model.head=linear"]
        changes += ["model.clamp=[0.05, 0.95]", "end_to_end.epochs=0"]
    else:
        changes += [f"end_to_end.{change}" for change in LISTENING.get(effect, ())]
    return load_recipe(RECIPE, ControllerRecipe, [*changes, *more])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("songs", help="the corpus of dialin data fetch-corpus")
    parser.add_argument("--vae", help="model folder of a trained beta-VAE")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/controllers"))
    parser.add_argument("--effects", default=",".join(NINE))
    parser.add_argument("--time", action="store_true", help="with time features, too")
    parser.add_argument("--set", action="append", default=[], help="as of dialin train")
    parser.add_argument("--workers", type=int)
    arguments = parser.parse_args()
    os.environ["DIALIN_CORPUS"] = arguments.songs
    kinds = {"dialin": ""} | ({"project": arguments.vae} if arguments.vae else {})
    kinds |= {"time": ""} if arguments.time else {}
    print("| MRSTFT, validation songs | |" + "".join(f" {name} |" for name in SHOWN), flush=True)
    print("|---|---|" + "---|" * len(SHOWN))
    for effect in arguments.effects.split(","):
        for kind, vae in kinds.items():
            folder = arguments.output / kind / effect
            more = [*arguments.set, *(["model.time=true"] if kind == "time" else [])]
            done = folder / "model" / "config.json"
            if done.is_file():
                figures = json.loads(done.read_text("utf-8"))["figures"]
            else:
                figures = train_controller(
                    recipe_of(effect, vae, more),
                    folder,
                    rendered=arguments.output / "rendered",
                    resume=folder.exists(),
                    workers=arguments.workers,
                ).figures
            cells = (f"{figures[n]:.3f}" if n in figures else "" for n in SHOWN)
            print(f"| {effect} | {kind} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
