"""Effects that are known to be there are not left out."""

from __future__ import annotations

import pytest

import dialin
from dialin.rendering import RenderPool
from tests.matching.test_match import DRIVE, rendered
from tests.matching.test_style import RATE, music


@pytest.fixture(scope="module")
def pool():
    with RenderPool(workers=1) as made:
        yield made


@pytest.mark.parametrize("count", [2, 3])
def test_effects_that_are_named_and_kept_all_stay(pool, count):
    """Also where the chain is long enough to grow; what brings nothing is left out otherwise."""
    reference = rendered(DRIVE, music(2), drive=36, mix=100)
    chain = [DRIVE, *["fake:ignore"] * (count - 1)]

    def used(**options):
        options |= {"budget": 20 * count, "seed": 3, "weights": {"level": 0.0}}
        return dialin.match(
            (music(1), RATE), (reference, RATE), chain, pool=pool, **options
        ).effects

    assert used() == (DRIVE,)
    assert used(keep=True) == tuple(chain)
