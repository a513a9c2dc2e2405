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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol():
    """What a plugin that a test loads by itself does to the arithmetic ends with the test."""
    with kept_floating_point():
        return (yield)
