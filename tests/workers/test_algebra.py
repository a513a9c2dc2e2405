"""In a program of somebody else's, linear algebra takes one thread while dialin is at work."""

import os
import subprocess
import sys

CODE = """
import numpy
from dialin.workers.algebra import one_thread_of_algebra, thread_controls
numpy.eye(3) @ numpy.eye(3)
counts = lambda: [told() for told, _ in thread_controls()]
print(counts())
with one_thread_of_algebra():
    with one_thread_of_algebra():
        print(counts())
    print(counts())
print(counts())
"""


def test_threads_are_one_inside_and_as_before_behind():
    environment = os.environ | {
        "OPENBLAS_NUM_THREADS": "2",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True
    )
    before, inner, outer, after = done.stdout.splitlines()
    # A machine of one core has one; another library of linear algebra has no such controls.
    assert before in ("[2]", "[1]", "[]"), done.stderr
    assert inner == outer == before.replace("2", "1")
    assert after == before
