"""Functions in worker processes: in order, without a main guard, a failure costs its own call."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dialin.errors import AudioError, UsageError, WorkerError
from dialin.workers import CallPool, process
from tests.workers import functions

SCRIPT = """
import os
import numpy as np
from dialin.timbre import timbre, timbre_batch

before = dict(os.environ)
rng = np.random.default_rng(0)
clips = [(rng.normal(0, 0.1, 20_000), 44_100) for _ in range(3)]
found = list(timbre_batch(clips, workers=2))
for one, (audio, rate) in zip(found, clips):
    assert dict(one) == dict(timbre(audio, rate)), one
assert dict(os.environ) == before
print("done")
"""


@pytest.fixture(scope="module")
def pool():
    with CallPool(2) as pool:
        yield pool


def test_results_come_in_order_from_workers_that_stay(pool):
    numbers = list(range(30))
    assert list(pool.map(functions.square, ((n,) for n in numbers))) == [n * n for n in numbers]
    people = set(pool.map(functions.who, ((n,) for n in numbers)))
    assert {threads for _, threads in people} == {"1"}
    assert os.getpid() not in {process for process, _ in people} and len(people) <= 2


def test_a_refusal_is_raised_or_handed_back(pool):
    found = list(pool.map(functions.refuse, ((n,) for n in range(4)), failures=True))
    assert found[:2] + found[3:] == [0, 1, 3]
    assert type(found[2]) is AudioError and str(found[2]) == "two is no sound"
    with pytest.raises(AudioError, match="two is no sound"):
        list(pool.map(functions.refuse, ((n,) for n in range(4))))
    assert list(pool.map(functions.square, [(3,)])) == [9]


def test_faults_of_the_program_come_with_their_traceback(pool):
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        list(pool.map(functions.wrong, [(1,)]))
    with pytest.raises(RuntimeError, match="failed"):
        list(pool.map(functions.unsendable, [(1,)]))
    with pytest.raises(UsageError, match="cannot be sent"):
        list(pool.map(lambda n: n, [(1,)]))


def test_a_worker_that_dies_costs_its_own_call(pool):
    found = list(pool.map(functions.die, ((n,) for n in range(6)), failures=True))
    assert type(found[1]) is WorkerError and "SIGKILL" in str(found[1])
    assert found[:1] + found[2:] == [0, 2, 3, 4, 5]


def test_a_call_that_hangs_is_ended():
    with CallPool(1, deadline=0.5) as pool:
        found = list(pool.map(functions.sleep, [(0.0,), (60.0,), (0.0,)], failures=True))
    assert found[0] == found[2] == 0.0 and "within 0.5 s" in str(found[1])


def test_whoever_stops_asking_is_rid_of_the_workers():
    began = time.monotonic()
    with CallPool(1) as pool:
        waiting = pool.map(functions.sleep, ((n,) for n in (0.0, 300.0)))
        assert next(waiting) == 0.0
        processes = pool.process_ids()
        waiting.close()
    assert processes and not any(Path(f"/proc/{pid}").exists() for pid in processes)
    assert time.monotonic() - began < 100


def test_a_script_needs_no_main_guard_and_keeps_its_environment(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stdout == "done\n", done.stderr
    # As somebody who types it has it, too.
    done = subprocess.run(
        [sys.executable, "-"], input=SCRIPT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_workers_end_with_a_program_that_is_killed(tmp_path):
    code = (
        "from dialin.workers import CallPool\n"
        "from tests.workers import functions\n"
        "pool = CallPool(1)\n"
        "found = pool.map(functions.who, [(1,), (2,)])\n"
        "print(next(found)[0], flush=True)\n"
        "list(pool.map(functions.sleep, [(300,)]))\n"
    )
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    worker = int(program.stdout.readline())
    program.kill()
    program.wait()
    for _ in range(200):
        if not Path(f"/proc/{worker}").exists():
            return
        time.sleep(0.1)
    raise AssertionError("the worker lives on")


@pytest.mark.parametrize(("times", "served"), [(2, True), (100, False)])
def test_a_worker_killed_while_it_starts_is_replaced(monkeypatch, times, served):
    begun = []
    start = process.start_interpreter

    def start_and_kill(*arguments):
        made = start(*arguments)
        begun.append(made)
        if len(begun) <= times:
            made.process.kill()
        return made

    monkeypatch.setattr(process, "start_interpreter", start_and_kill)
    with CallPool(workers=1) as pool:
        if served:
            assert list(pool.map(functions.square, [(3,), (4,)])) == [9, 16]
            return
        with pytest.raises(WorkerError, match="could not start"):
            list(pool.map(functions.square, [(3,)]))
    assert len(begun) == 4
