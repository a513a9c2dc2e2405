"""Memory is filled inside of blocks, which may stand in one another, and as before behind them."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes
from dialin.effects.c_library import unfilled_memory, zeroed_memory

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]


def filled():
    seen = set()
    for _ in range(50):
        place = libc.malloc(1000)
        seen |= set(ctypes.string_at(place + 64, 800))
        ctypes.memset(place, 7, 1000)
        libc.free(place)
    return seen == {0}


told = [filled()]
with unfilled_memory():
    told.append(filled())
    with zeroed_memory():
        told.append(filled())
        with unfilled_memory():
            told.append(filled())
        told.append(filled())
    told.append(filled())
told.append(filled())
print(*map(int, told))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
@pytest.mark.parametrize(("byte", "resting"), [("255", "1"), ("0", "0")])
def test_blocks_stand_in_one_another(byte, resting):
    environment = {"MALLOC_PERTURB_": byte, "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
    environment["PYTHONPATH"] = ":".join(sys.path)
    told = subprocess.check_output([sys.executable, "-c", PROGRAM], env=environment, text=True)
    assert told.split() == [resting, "0", "1", "0", "1", "0", resting]
