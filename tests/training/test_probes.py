import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning", reason="lightning is not installed")

from dialin.training.data import FeatureSet  # noqa: E402
from dialin.training.diagnostics import part  # noqa: E402
from dialin.training.pictures import principal_plane  # noqa: E402
from dialin.training.probes import active_units, probe, r_squared, ridge  # noqa: E402


def made(seed, items=600):
    """Items of two effects and clean ones, and an embedding that knows some of it."""
    rng = np.random.default_rng(seed)
    label = np.arange(items) % 3
    content = np.arange(items) // 6
    settings = rng.random((items, 2)).astype(np.float32)
    settings[label == 1, 1] = np.nan
    settings[label == 2] = np.nan
    loudness = rng.normal(-20, 3, items).astype(np.float32)
    vectors = rng.standard_normal((items, 6)).astype(np.float32)
    vectors[:, 0] += 6 * (label == 1)
    vectors[:, 1] += 6 * (label == 2)
    vectors[:, 2] = np.nan_to_num(settings[:, 0]) * 4
    vectors[:, 3] = loudness + 0.1 * vectors[:, 3]
    data = FeatureSet(
        classes=("a", "b", "none"),
        knobs=(("known", "hidden"), ("known",), ()),
        maps=(np.zeros((items, 2, 2), np.float16),),
        rows=np.stack([np.zeros(items, np.int64), np.arange(items)], axis=1),
        label=label,
        content=content,
        half=np.arange(items) % 2,
        settings=settings,
        loudness=loudness,
        hashes={},
    )
    return vectors, data


def test_probes_find_what_is_there_and_nothing_else():
    found = probe(*made(0), *made(1))
    assert found.effect > 0.97 and found.chance == pytest.approx(1 / 3)
    assert found.settings["a"]["known"] > 0.98 and found.settings["b"]["known"] > 0.98
    assert abs(found.settings["a"]["hidden"]) < 0.1
    assert found.loudness > 0.95
    assert found.mean_settings == pytest.approx(0.75, abs=0.06)
    assert set(found.to_dict()) >= {"effect", "loudness", "mean_settings"}


def test_ridge_shrinks_where_there_is_nothing_to_find():
    rng = np.random.default_rng(0)
    x, new = (rng.standard_normal((40, 30)).astype(np.float32) for _ in range(2))
    noise = rng.standard_normal((40, 1)).astype(np.float32)
    found = ridge(x, noise, new, groups=np.arange(40))
    assert found.std() < 0.5
    assert r_squared(noise, np.zeros((40, 1)) + noise.mean())[0] == pytest.approx(0.0, abs=1e-6)


def test_active_units_are_those_that_vary():
    vectors = np.zeros((100, 5), np.float32)
    vectors[:, 1] = np.linspace(-1, 1, 100)
    vectors[:, 2] = np.linspace(-0.01, 0.01, 100)
    assert active_units(vectors) == 1


@pytest.mark.parametrize("items", [100, 150, 300])
def test_a_part_has_whole_contents_of_all_classes(items):
    data = made(0)[1]
    few = part(data, items)
    assert len(few) == pytest.approx(items, abs=6)
    assert len(set(np.bincount(few.label))) == 1
    assert set(np.bincount(few.content)) == {0, 6}


def test_principal_plane_keeps_its_orientation():
    vectors, _ = made(0)
    plane, shares = principal_plane(vectors)
    assert np.allclose(plane, principal_plane(vectors[::-1])[0][::-1], atol=1e-3)
    variances = plane.var(axis=0) / vectors.astype(np.float64).var(axis=0).sum()
    assert shares == pytest.approx(tuple(variances), rel=1e-4)
