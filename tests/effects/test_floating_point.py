"""Loading a plugin changes nothing of this process's arithmetic."""

import subprocess
import sys

import pytest

from dialin.effects.floating_point import kept_floating_point
from tests.plugins import needs_vst3

LOADED = """
import numpy as np
def subnormals():
    return float(np.float32(1e-45) * np.float32(1)) > 0.0
assert subnormals()
from dialin.effects.open import open_effect
effect = open_effect("vst3:/usr/lib/vst3/ZamComp.vst3")
assert subnormals(), "the plugin's library switched to flushing subnormals"
effect.process(np.ones((2, 4800), dtype=np.float32), 48_000, effect.spec.default)
assert subnormals()
"""


@needs_vst3("ZamComp.vst3")
def test_subnormals_stay_after_loading_a_library_linked_with_fast_math():
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_block_may_raise():
    try:
        with kept_floating_point():
            raise KeyError("x")
    except KeyError:
        pass
    else:
        raise AssertionError("the error was lost")


FLUSHED = """
import ctypes
import numpy as np
ctypes.CDLL("/usr/lib/vst3/ZamComp.vst3/Contents/x86_64-linux/ZamComp.so")
if np.float32(1e-45) * np.float32(1) != 0.0:
    raise SystemExit(77)
from dialin.measures.cepstrum import recording_cepstrum
silence = np.zeros((2, 24_000), dtype=np.float32)
assert np.isfinite(recording_cepstrum(silence, 8_000).values).all()
"""


@needs_vst3("ZamComp.vst3")
def test_silence_is_measured_where_something_else_flushes_subnormals():
    done = subprocess.run([sys.executable, "-c", FLUSHED], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip("this build of the library leaves subnormals alone")
    assert done.returncode == 0, done.stderr
