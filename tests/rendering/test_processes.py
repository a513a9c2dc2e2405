"""What becomes of the worker processes when the program itself ends, is killed or interrupted."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from dialin.effects.open import open_effect
from dialin.errors import RenderCrashError, RenderError
from dialin.rendering import Job, RenderPool, load_effect
from dialin.workers import memory, process
from dialin.workers.start import exit_name
from tests.rendering import measures
from tests.rendering.test_pool import alive

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def start(tmp_path, body):
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(body))
    return subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


BUSY = """
    import os, sys, threading, time
    import numpy as np
    from dialin.rendering import Job, RenderPool
    pool = RenderPool(workers=2)
    dry = pool.share(np.ones((1, 100), np.float32), 44_100)
    pool.render([Job("{uri}", dry, [0.5, 0.0])] * 4)
    pids = [str(pid) for pid in pool.process_ids()]
    print(pool.scratch().parent, *pids, flush=True)
"""
HANG = """
    def later():
        time.sleep(0.5)
        print("busy", flush=True)
    threading.Thread(target=later, daemon=True).start()
    pool.render([Job("{uri}", dry, [0.5, 1.0])] * 4)
"""


def wait_until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


@needs_proc
@pytest.mark.parametrize("uri", ["fake:hang", "fake:freeze"])
def test_no_worker_outlives_a_killed_program(tmp_path, uri, monkeypatch):
    program = start(tmp_path, (BUSY + HANG).format(uri=uri))
    folder, *pids = program.stdout.readline().split()
    assert len(pids) == 2 and all(alive(pid) for pid in pids)
    assert program.stdout.readline() == "busy\n"
    program.kill()
    program.communicate()
    assert wait_until(lambda: not any(alive(pid) for pid in pids))
    # Nobody was left to delete its shared memory; the next pool does.
    monkeypatch.setattr(memory, "YOUNG", 0.0)
    memory.MemoryFolder().remove()
    assert not Path(folder).exists()


def test_the_next_pool_leaves_a_living_programs_memory_alone(monkeypatch):
    monkeypatch.setattr(memory, "YOUNG", -1.0)
    mine, other = memory.MemoryFolder(), memory.MemoryFolder()
    assert mine.path.is_dir()
    mine.remove()
    other.remove()
    assert not mine.path.exists() and not other.path.exists()


@needs_proc
def test_a_program_that_forgets_to_close_its_pool_leaves_nothing(tmp_path):
    program = start(tmp_path, BUSY.format(uri="fake:slow"))
    out, err = program.communicate(timeout=180)
    folder, *pids = out.split()
    assert program.returncode == 0 and err == ""
    assert not Path(folder).exists()
    assert not any(alive(pid) for pid in pids)


def test_a_script_without_a_main_guard_works(tmp_path):
    program = start(
        tmp_path,
        """
        print("started", flush=True)
        import numpy as np
        from dialin.rendering import load_effect
        gain = load_effect("fake:gain")
        print(gain.process(np.ones((1, 3), np.float32), 44_100, [0.5]))
        """,
    )
    out, err = program.communicate(timeout=180)
    assert (program.returncode, err) == (0, "")
    assert out == "started\n[[1. 1. 1.]]\n"


@needs_proc
def test_ctrl_c_stops_a_hanging_render_and_leaves_the_pool_usable(tmp_path):
    after = """
    print(sum(r.failure is None for r in pool.render([Job("fake:gain", dry, [0.5])] * 4)))
    """
    body = (
        (BUSY + HANG)
        .format(uri="fake:hang")
        .replace(
            '    pool.render([Job("fake:hang", dry, [0.5, 1.0])] * 4)\n',
            '    try:\n        pool.render([Job("fake:hang", dry, [0.5, 1.0])] * 4)\n'
            '    except KeyboardInterrupt:\n        print("stopped", flush=True)\n',
        )
    )
    program = start(tmp_path, body + after)
    pids = program.stdout.readline().split()[1:]
    assert program.stdout.readline() == "busy\n"
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=180)
    assert (out, err) == ("stopped\n4\n", "")
    assert not any(alive(pid) for pid in pids)


def test_workers_ignore_the_terminals_ctrl_c():
    with RenderPool(workers=1) as pool:
        pid = pool.call(os.getpid)
        assert os.getpgid(pid) != os.getpgid(0)
        os.kill(pid, signal.SIGINT)
        time.sleep(0.1)
        assert pool.call(os.getpid) == pid


def test_a_worker_that_cannot_start_says_why(monkeypatch, tmp_path):
    broken = tmp_path / "numpy.py"
    broken.write_text("raise ImportError('numpy is out of order')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with RenderPool(workers=1) as pool, pytest.raises(RenderError) as caught:
        pool.call(os.getpid)
    assert "could not start (exit status 1)" in str(caught.value)
    assert "numpy is out of order" in str(caught.value)


def killed_at_start(monkeypatch, module, times):
    """Have the first workers that a module starts killed at once."""
    begun = []
    start = module.start_interpreter

    def start_and_kill(*arguments):
        made = start(*arguments)
        begun.append(made)
        if len(begun) <= times:
            made.process.kill()
        return made

    monkeypatch.setattr(module, "start_interpreter", start_and_kill)
    return begun


def test_a_worker_killed_while_it_starts_is_replaced(monkeypatch):
    begun = killed_at_start(monkeypatch, process, 2)
    audio = np.ones((1, 8), np.float32)
    with RenderPool(workers=1) as pool:
        (result,) = pool.render([Job("fake:gain", audio, [0.5], 44_100)])
        assert result.failure is None
    assert len(begun) == 3


def test_workers_killed_again_and_again_are_given_up(monkeypatch):
    killed_at_start(monkeypatch, process, 100)
    with RenderPool(workers=1) as pool, pytest.raises(RenderError, match=r"not start \(SIGKILL\)"):
        pool.call(os.getpid)


@contextmanager
def killed_while_opening(pool, times):
    """Kill the first workers that are opening an effect; yields the ids of those killed."""
    killed, over = [], threading.Event()

    def watch():
        while not over.is_set() and len(killed) < times:
            for worker in list(pool._pool._processes):
                if worker.opening and worker.process.pid not in killed:
                    killed.append(worker.process.pid)
                    os.kill(worker.process.pid, signal.SIGKILL)
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    yield killed
    over.set()
    thread.join()


@pytest.mark.parametrize(("uri", "times"), [("fake:slow_load", 1), ("fake:hang_load", 100)])
def test_an_effect_is_not_blamed_for_a_worker_that_was_killed_while_it_opened_it(uri, times):
    audio = np.ones((1, 8), np.float32)
    with RenderPool(workers=1, quarantine=1) as pool, killed_while_opening(pool, times) as killed:
        (result,) = pool.render([Job(uri, audio, [0.5, 0.0], 44_100)])
    if times == 1:
        assert result.failure is None and len(killed) == 1
    else:
        # Somebody kills it every time: that is no accident.
        assert type(result.failure) is RenderCrashError and len(killed) == 4
        assert "SIGKILL" in str(result.failure) and "while opening it" in str(result.failure)


def test_a_worker_killed_while_idle_is_replaced():
    audio = np.ones((1, 8), np.float32)
    with RenderPool(workers=1) as pool:
        pid = pool.call(os.getpid)
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: not alive(pid))
        (result,) = pool.render([Job("fake:gain", audio, [0.5], 44_100)])
        assert result.failure is None


def test_a_job_is_not_blamed_for_a_worker_that_died_before_it():
    audio = np.ones((1, 8), np.float32)
    with RenderPool(workers=1) as pool:
        for _ in range(5):
            # Killed while the job is on its way: it stops before it can read it.
            pid = pool.call(os.getpid)
            os.kill(pid, signal.SIGSTOP)
            killer = threading.Timer(0.05, os.kill, (pid, signal.SIGKILL))
            killer.start()
            (result,) = pool.render([Job("fake:gain", audio, [0.5], 44_100)])
            killer.join()
            assert result.failure is None


def test_load_effect_renders_through_a_worker_as_here():
    audio = np.random.default_rng(0).normal(0, 0.1, (2, 1_000)).astype(np.float32)
    with RenderPool(workers=1) as pool, load_effect("fake:drive", pool) as drive:
        here = open_effect("fake:drive")
        assert drive.spec == here.spec
        settings = drive.spec.vector({"drive": 30})
        np.testing.assert_array_equal(
            drive.process(audio, 44_100, settings), here.process(audio, 44_100, settings)
        )


def test_how_a_process_ended_in_words():
    assert exit_name(-11) == "SIGSEGV"
    assert exit_name(3) == "exit status 3"


def test_what_ran_in_a_worker_that_was_killed_runs_once_more(tmp_path):
    with RenderPool(workers=1) as pool:
        assert pool.call(measures.die_the_first_times, tmp_path / "once", 1) == 1
        with pytest.raises(RenderCrashError, match=r"\(SIGKILL\) while rendering"):
            pool.call(measures.die_the_first_times, tmp_path / "twice", 2)
    assert (tmp_path / "twice").read_text() == "xx"
