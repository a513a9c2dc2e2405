"""SciPy is imported quickly, and nobody can tell afterwards."""

import subprocess
import sys

CODE = """
import sys
from dialin.quick_imports import import_array_api
import_array_api()
loaded = [name for name in ("f2py", "testing") if f"numpy.{name}" in sys.modules]
import scipy._lib._array_api, scipy.fft, scipy.ndimage, scipy.optimize, numpy
import numpy.testing, numpy.ma, numpy.f2py
numpy.testing.assert_array_equal(numpy.ma.masked_array([1]).filled(), [1])
numpy.testing.assert_allclose(scipy.fft.irfft(scipy.fft.rfft([1.0, 2.0, 4.0, 3.0])), [1, 2, 4, 3])
print(loaded, numpy.f2py.__file__ is not None, numpy.polynomial.Polynomial([1, 2])(1))
"""


def test_what_was_left_out_is_there_for_whoever_asks():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.stdout.split() == ["[]", "True", "3.0"], done.stdout + done.stderr


def test_nothing_is_looked_through_for_garbage_at_the_end():
    code = (
        "import atexit, gc\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 0))\n"
        "from dialin.quick_imports import collect_rarely\n"
        "print(gc.get_freeze_count())\n"
        "collect_rarely()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["0", "True"], done.stdout + done.stderr
