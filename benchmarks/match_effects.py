"""How near matching comes on nine effects, beside doing nothing, random settings and the default.

The protocol `half` of `dialin.evaluation`: excerpts of songs of the test split (or valid, while you
tune), the reference from the other half, MRSTFT against a truth that the search never sees. A line
is printed as soon as an effect is done. With ``-o`` rows are kept in that folder, and a run that
was stopped goes on from there. ``dialin evaluate half`` makes the full table.

    python benchmarks/match_effects.py SONGS [--items 30] [--budgets 50,100,300] [-o folder]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from dialin.data.mda import NINE
from dialin.evaluation.protocols import OneEffect
from dialin.evaluation.runner import Plan, run_plan
from dialin.evaluation.tables import summarise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", type=Path)
    parser.add_argument("--items", type=int, default=30)
    parser.add_argument("--budgets", default="50,100,300")
    parser.add_argument("--effects", default=",".join(NINE))
    parser.add_argument("--split", default="test", choices=["test", "valid"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    searches = [f"search:{budget}" for budget in arguments.budgets.split(",")]
    methods = ("untouched", "random", "default", *searches)
    print(f"{arguments.split} split, seed {arguments.seed}, {arguments.items} items, MRSTFT")
    heads = "".join(f"{m:>16s}" for m in methods)
    print(f"{'effect':12s}{heads}   ratio  alone  s a match")
    with tempfile.TemporaryDirectory() as scratch:
        for effect in arguments.effects.split(","):
            plan = Plan(
                OneEffect("half"),
                (str(arguments.songs),),
                (effect,),
                arguments.items,
                methods,
                ("mrstft", "style"),
                arguments.split,
                arguments.seed,
            )
            rows = run_plan(plan, arguments.output or Path(scratch))
            cells = {c.method: c for c in summarise(rows, ["mrstft"])}
            texts = "".join(f"{cells[m].mean:9.3f} ±{cells[m].se:5.3f}" for m in methods)
            ratios = "/".join(f"{cells[m].ratio:.2f}" for m in searches)
            alone = "/".join(
                f"{sum(not r['uri'] for r in rows if r['method'] == m)}" for m in searches
            )
            seconds = "/".join(f"{cells[m].seconds:.1f}" for m in searches)
            print(f"{effect:12s}{texts}   {ratios}  {alone}  {seconds}", flush=True)


if __name__ == "__main__":
    main()
