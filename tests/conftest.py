"""What holds for every test."""

import os
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from dialin.effects.floating_point import kept_floating_point

# A shell that starts tests in the background has them ignore Ctrl-C, which some of them press; and
# one that is to outlive its terminal has them ignore SIGHUP.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Models that whoever runs the tests has trained are none of theirs.
os.environ["DIALIN_MODELS"] = str(Path(tempfile.gettempdir()) / "dialin-tests-have-no-models")

# Nor are their favourites.
os.environ["XDG_CONFIG_HOME"] = str(Path(tempfile.gettempdir()) / "dialin-tests-have-no-config")

# No test fails because the machine is slow.
settings.register_profile("any", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any")


SLOW = (
    "test_readme.py", "test_controller.py", "test_motion.py", "test_page.py",
    "test_docs_learning.py", "test_referee.py", "test_stages.py", "test_own_effect.py",
    "test_access.py", "test_cluster.py", "test_vst3.py", "test_echoes.py", "test_docs.py",
    "test_long.py", "test_render.py",
)  # fmt: skip
"""Begun first, the slowest before all, so that no processor waits for another's in the end."""


def pytest_xdist_auto_num_workers():
    """One more than there are processors: a tenth of the time tests wait for other processes."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items):
    order = {name: place for place, name in enumerate(SLOW)}
    items.sort(key=lambda item: order.get(item.path.name, len(SLOW)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol():
    """What a plugin that a test loads by itself does to the arithmetic ends with the test."""
    with kept_floating_point():
        return (yield)
