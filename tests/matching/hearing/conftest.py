"""Workers, and a cache of one's own, for tests of what is heard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dialin.rendering import RenderPool


@pytest.fixture(scope="module")
def pool() -> Iterator[RenderPool]:
    with RenderPool(workers=2) as made:
        yield made


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
