"""Training data: from songs to pairs, fast, checked, resumable, on one machine or many.

`dialin.data.torch_dataset.PairDataset` makes pairs on the fly; it needs torch and is therefore
not imported here.
"""

from dialin.data.checks import CAUSES, check_render
from dialin.data.engine import RenderProgress
from dialin.data.manifest import read_manifest
from dialin.data.pair_reader import PairReader
from dialin.data.pairs import Pair, PairPlan, make_pair
from dialin.data.recipe import Recipe, SongSource, load_recipe
from dialin.data.render import make_plan, render_recipe
from dialin.data.report import RejectionReport, rejection_report
from dialin.data.songs import Corpus, SongTrack, find_songs, split_key, split_of

__all__ = [
    "CAUSES",
    "Corpus",
    "Pair",
    "PairPlan",
    "PairReader",
    "Recipe",
    "RejectionReport",
    "RenderProgress",
    "SongSource",
    "SongTrack",
    "check_render",
    "find_songs",
    "load_recipe",
    "make_pair",
    "make_plan",
    "read_manifest",
    "rejection_report",
    "render_recipe",
    "split_key",
    "split_of",
]
