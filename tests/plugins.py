"""Marks for tests that need plugins which a person may not have installed.

Without the plugin such a test is skipped and says so. With ``DIALIN_REQUIRE_PLUGINS=1`` in the
environment, as in CI, it runs and fails: there a missing plugin is a fault of the set-up.
"""

import os
import shutil
from pathlib import Path

import pytest

REQUIRED = os.environ.get("DIALIN_REQUIRE_PLUGINS") == "1"
MDA = "http://drobilla.net/plugins/mda/"
MDA_NINE = (
    "Overdrive",
    "Delay",
    "Ambience",
    "RingMod",
    "Combo",
    "Dynamics",
    "MultiBand",
    "Leslie",
    "ThruZero",
)


def _installed_lv2() -> set[str]:
    roots = [Path.home() / ".lv2", Path("/usr/lib/lv2"), Path("/usr/local/lib/lv2")]
    return {bundle.name for root in roots if root.is_dir() for bundle in root.iterdir()}


def needs_lv2(bundle: str) -> pytest.MarkDecorator:
    """Skip unless an LV2 bundle such as ``mda.lv2`` is installed."""
    missing = not REQUIRED and bundle not in _installed_lv2()
    return pytest.mark.skipif(missing, reason=f"the LV2 bundle {bundle} is not installed")


def vst3_path(name: str) -> str:
    """Where a VST3 such as ``ZamComp.vst3`` lies (or would lie)."""
    roots = [Path.home() / ".vst3", Path("/usr/lib/vst3"), Path("/usr/local/lib/vst3")]
    for root in roots:
        if (root / name).exists():
            return str(root / name)
    return str(roots[1] / name)


def needs_vst3(name: str) -> pytest.MarkDecorator:
    """Skip unless a VST3 such as ``ZamComp.vst3`` is installed."""
    missing = not REQUIRED and not Path(vst3_path(name)).exists()
    return pytest.mark.skipif(missing, reason=f"the VST3 plugin {name} is not installed")


def needs_program(name: str) -> pytest.MarkDecorator:
    """Skip unless a program such as ``lv2info`` is on the PATH."""
    missing = not REQUIRED and shutil.which(name) is None
    return pytest.mark.skipif(missing, reason=f"the program {name} is not installed")


def needs_browser() -> pytest.MarkDecorator:
    """Skip unless Chromium and Playwright are here, which drives it."""
    from importlib.util import find_spec

    missing = not REQUIRED and (chromium_path() is None or find_spec("playwright") is None)
    return pytest.mark.skipif(missing, reason="Chromium or Playwright is not installed")


def chromium_path() -> str | None:
    """The system's own Chromium or Chrome; tests download none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)
