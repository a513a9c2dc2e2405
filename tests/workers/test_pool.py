"""The ground that all pools stand on: ways to connect, strangers, forks, what is given up."""

import os
import queue
import socket
import subprocess
import sys
import threading
import time
from multiprocessing import connection as mpc

import pytest

from dialin.errors import UsageError, WorkerError
from dialin.workers import Task, WorkerPool, process
from dialin.workers.sending import to_bytes
from dialin.workers.start import SOCKET_PATH, Door
from tests.workers import functions


def plain_pool(**options):
    return WorkerPool(
        "dialin.workers.call",
        1,
        blame=lambda task, loss: WorkerError(f"{task.label}: {loss.stage} {loss.how}"),
        environment={},
        **options,
    )


def calls(function, *arguments):
    return [Task(to_bytes((function, (a,))), "the call") for a in arguments]


def test_workers_come_in_through_a_network_socket_as_they_do_through_the_systems_own():
    # The way of a system without Unix sockets.
    with_socket = plain_pool(family="AF_INET")
    try:
        found = dict(with_socket.finished(with_socket.submit(calls(functions.square, 2, 3))))
        assert {n: r.get() for n, r in found.items()} == {0: 4, 1: 9}
        futures = with_socket.submit(calls(functions.die, 1))
        (lost,) = [r.failure for _, r in with_socket.finished(futures)]
        assert "running SIGKILL" in str(lost)
    finally:
        with_socket.close()


def test_a_path_too_long_for_a_socket_is_gone_around(tmp_path):
    folder = tmp_path / ("x" * SOCKET_PATH)
    folder.mkdir()
    door = Door(folder, lambda number, connection: None)
    assert isinstance(door.address, tuple)
    door.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such sockets")
def test_a_program_that_ends_with_its_door_open_and_its_folder_gone_says_nothing(tmp_path):
    """As one that is ended by a signal while its workers start."""
    code = (
        "import shutil, sys; from pathlib import Path; from dialin.workers.start import Door;"
        "door = Door(Path(sys.argv[1]), print); shutil.rmtree(sys.argv[1])"
    )
    folder = tmp_path / "pool"
    folder.mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_who_does_not_know_the_key_does_not_come_in_and_keeps_nobody_out(tmp_path):
    came = queue.SimpleQueue()
    door = Door(tmp_path, lambda number, connection: came.put(number), "AF_INET")
    for stranger in range(2):
        visitor = socket.create_connection(door.address)
        if stranger:
            visitor.sendall(b"\0\0\0\3abc")
        visitor.close()
    with pytest.raises((mpc.AuthenticationError, OSError, EOFError)):
        mpc.Client(door.address, authkey=b"wrong" * 6)
    worker = mpc.Client(door.address, authkey=door.key)
    worker.send(7)
    assert came.get(timeout=20) == 7
    worker.close()
    door.close()
    assert came.empty()


def test_what_is_given_up_is_not_begun_and_what_runs_can_be_ended():
    pool = plain_pool()
    try:
        (first,) = pool.finished(pool.submit(calls(functions.who, 0)))
        running, waiting = pool.submit(calls(functions.sleep, 300.0, 0.0))
        while not pool._processes[0].tasks:
            time.sleep(0.01)
        pool.abandon([running, waiting], kill=True)
        assert running.cancelled() and waiting.cancelled()
        (again,) = pool.finished(pool.submit(calls(functions.who, 0)))
        assert again[1].get()[0] != first[1].get()[0]
    finally:
        pool.close()


def test_where_no_process_can_be_started_everybody_is_told_and_the_next_try_is_a_new_one(
    monkeypatch,
):
    start = process.start_interpreter

    def fail(*_):
        raise OSError("no more processes")

    pool = plain_pool()
    try:
        monkeypatch.setattr(process, "start_interpreter", fail)
        for future in pool.submit(calls(functions.square, 1, 2)):
            with pytest.raises(OSError, match="no more processes"):
                future.result(60)
        monkeypatch.setattr(process, "start_interpreter", start)
        ((_, result),) = pool.finished(pool.submit(calls(functions.square, 3)))
        assert result.get() == 9
    finally:
        pool.close()


def test_futures_of_a_closed_pool_say_so():
    pool = plain_pool()
    (future,) = pool.submit(calls(functions.sleep, 300.0))
    threading.Timer(0.2, pool.close).start()
    with pytest.raises(UsageError, match="closed"):
        future.result(60)
    pool.close()
    with pytest.raises(UsageError, match="closed"):
        pool.submit(calls(functions.square, 1))


def test_the_programs_end_is_not_held_up_by_a_pool_at_work():
    code = (
        "from dialin.workers import CallPool\n"
        "from tests.workers import functions\n"
        "future = CallPool(1).submit(functions.sleep, 300.0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_fork_of_the_program_is_told_that_the_pool_is_not_its_own():
    code = (
        "import os\n"
        "from dialin.workers import CallPool\n"
        "from tests.workers import functions\n"
        "pool = CallPool(1)\n"
        "assert list(pool.map(functions.square, [(3,)])) == [9]\n"
        "if os.fork() == 0:\n"
        "    try:\n"
        "        list(pool.map(functions.square, [(3,)]))\n"
        "    except Exception as error:\n"
        "        print(error, flush=True)\n"
        "    pool.close()\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "assert list(pool.map(functions.square, [(4,)])) == [16]\n"
        "print('done')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "was forked" in done.stdout and done.stdout.endswith("done\n")
