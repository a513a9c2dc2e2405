"""Loading a plugin changes nothing of this process's arithmetic."""

import subprocess
import sys

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
