"""Families of effects by name, and their order."""

import pytest

from dialin.effects import chain_uri
from dialin.effects.open import open_effect
from dialin.errors import UsageError
from dialin.matching.guessing.auto_families import FAMILIES, ORDER, is_auto, wanted_families


def test_families_are_named_or_all_the_usual_ones():
    assert [f.name for f in wanted_families("auto")] == [f.name for f in FAMILIES if f.usual]
    assert [f.name for f in wanted_families(["auto:delay, pitch"])] == ["delay", "pitch"]
    with pytest.raises(UsageError, match="no family of effects 'echo'; use filters, drive"):
        wanted_families("auto:echo")
    assert not is_auto(["auto", "builtin:delay"])
    assert not is_auto("builtin:delay")


def test_every_family_has_its_effects_in_the_order():
    names = {name for family in FAMILIES for name in family.effects}
    assert names == set(ORDER)
    assert open_effect(chain_uri([f"builtin:{n}" for n in ORDER])).spec.size
