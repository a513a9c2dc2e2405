"""Memory of results: used again, and never under anybody's feet."""

import gc

import numpy as np

from dialin.workers.memory import KEPT, LARGE, Buffers


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_is_used_again_once_its_last_view_is_gone():
    buffers = Buffers()
    first = buffers.take(4 * LARGE)
    first[:] = 1.0
    where, part = address(first), first.reshape(2, -1)[1, 10:20]
    del first
    gc.collect()
    other = buffers.take(4 * LARGE)
    assert address(other) != where
    other[:] = 2.0
    assert (part == 1.0).all()
    del part
    gc.collect()
    assert address(buffers.take(3 * LARGE)) == where


def test_memory_of_another_size_is_left_alone_and_little_is_kept():
    buffers = Buffers()
    many = [buffers.take(LARGE) for _ in range(2 * KEPT)]
    del many
    gc.collect()
    assert len(buffers._free) == KEPT
    assert buffers.take(8 * LARGE).size == 8 * LARGE
    assert len(buffers._free) == KEPT
    small = buffers.take(10)
    assert small.size == 10 and small.dtype == np.float32 and small.flags.writeable
