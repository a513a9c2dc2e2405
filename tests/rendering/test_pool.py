"""What the rendering pool promises, one test a promise. Test doubles only: no plugin needed."""

import os
import platform
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from dialin.effects.chain import chain_uri
from dialin.effects.open import open_effect
from dialin.errors import (
    AudioError,
    EffectLoadError,
    EffectNotFoundError,
    NonFiniteOutputError,
    ParameterError,
    QuarantinedError,
    RenderCrashError,
    RenderError,
    RenderTimeoutError,
    UsageError,
)
from dialin.rendering import Job, RenderPool
from tests.rendering import measures

RATE = 44_100
BAD = (0.5, 1.0)
FINE = (0.5, 0.0)


@pytest.fixture(scope="module")
def audio():
    return np.random.default_rng(0).normal(0, 0.1, (2, 4_410)).astype(np.float32)


@pytest.fixture(scope="module")
def pool():
    with RenderPool(workers=2, quarantine=0) as pool:
        yield pool


@pytest.fixture
def dry(pool, audio):
    shared = pool.share(audio, RATE)
    yield shared
    pool.release(shared)


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_worker_renders_the_very_samples_that_this_process_does(pool, dry, audio):
    rng = np.random.default_rng(1)
    for uri in ("fake:gain", "fake:tilt", "fake:drive", "fake:echo", "fake:mode"):
        effect = open_effect(uri)
        settings = effect.spec.random(rng)
        (result,) = pool.render([Job(uri, dry, settings)])
        np.testing.assert_array_equal(result.get(), effect.process(audio, RATE, settings))


def test_results_stand_in_the_order_of_the_jobs(pool, dry, audio):
    settings = np.random.default_rng(2).random(40)
    jobs = [Job("fake:slow", dry, (s, 1.0 if i == 0 else 0.0)) for i, s in enumerate(settings)]
    gain = open_effect("fake:gain")
    for s, result in zip(settings, pool.render(jobs), strict=True):
        np.testing.assert_array_equal(result.get(), gain.process(audio, RATE, [s]))


def test_render_iter_yields_each_index_once_as_it_finishes(pool, dry):
    pool.render([Job("fake:slow", dry, FINE)] * 4)
    jobs = [Job("fake:slow", dry, BAD), *[Job("fake:slow", dry, FINE)] * 5]
    order = [index for index, _ in pool.render_iter(jobs)]
    assert sorted(order) == list(range(6))
    assert order[0] != 0


def test_results_are_the_callers_own_and_survive_later_renders(pool, dry, audio):
    (first,) = pool.render([Job("fake:gain", dry, [0.7])])
    kept = first.get().copy()
    pool.render([Job("fake:gain", dry, [0.1])] * 8)
    np.testing.assert_array_equal(first.get(), kept)
    first.get()[:] = 0


@pytest.mark.parametrize(
    ("uri", "kind", "words"),
    [
        ("fake:crash", RenderCrashError, "SIGSEGV"),
        ("fake:exit", RenderCrashError, "exit status 3"),
        ("fake:nan", NonFiniteOutputError, "NaN"),
        ("fake:inf", NonFiniteOutputError, "NaN or infinite"),
        ("fake:error", RenderError, "on purpose"),
        ("fake:bug", RenderError, "ZeroDivisionError"),
        ("fake:fail_load", EffectLoadError, "on purpose"),
        ("fake:crash_load", RenderCrashError, "while opening it"),
        ("fake:nothing", EffectNotFoundError, "fake:nothing"),
    ],
)
def test_a_failure_costs_only_its_job_and_names_effect_and_settings(
    pool, dry, audio, uri, kind, words
):
    good = Job("fake:gain", dry, [0.6])
    results = pool.render([good, good, Job(uri, dry, BAD), good, good, good])
    failure = results[2].failure
    assert type(failure) is kind
    assert words in str(failure)
    assert uri in str(failure)
    if "load" not in uri and uri not in ("fake:nothing", "fake:error"):
        assert "[0.500, 1.000]" in str(failure)
    with pytest.raises(kind):
        results[2].get()
    expected = open_effect("fake:gain").process(audio, RATE, [0.6])
    for place in (0, 1, 3, 4, 5):
        np.testing.assert_array_equal(results[place].get(), expected)


@pytest.mark.parametrize("uri", ["fake:hang", "fake:freeze"])
def test_a_hang_costs_only_its_job_and_ends_at_the_deadline(pool, dry, uri):
    pool.render([Job(uri, dry, FINE)] * 4)
    good = Job("fake:gain", dry, [0.6])
    started = time.monotonic()
    results = pool.render([good, Job(uri, dry, BAD, deadline=0.5), *[good] * 6])
    # What hangs here would hang for a minute; the rest is room for a slow machine.
    assert time.monotonic() - started < 40.0
    assert isinstance(results[1].failure, RenderTimeoutError)
    assert "0.5 s" in str(results[1].failure)
    assert uri in str(results[1].failure)
    assert all(r.failure is None for i, r in enumerate(results) if i != 1)


def test_jobs_queued_behind_a_crash_are_rendered_elsewhere(dry, audio):
    with RenderPool(workers=1) as lone:
        jobs = [Job("fake:crash", audio, s, RATE) for s in (FINE, BAD, FINE, FINE)]
        failures = [r.failure for r in lone.render(jobs)]
    assert [type(f) for f in failures] == [type(None), RenderCrashError, *[type(None)] * 2]


def test_opening_an_effect_has_its_own_longer_deadline(audio):
    with RenderPool(workers=1, deadline=0.4, load_deadline=20.0) as slow:
        (result,) = slow.render([Job("fake:slow_load", audio, FINE, RATE)])
        assert result.failure is None
    with RenderPool(workers=1, deadline=20.0, load_deadline=1.5) as slow:
        slow.call(measures.facts)
        (result,) = slow.render([Job("fake:hang_load", audio, FINE, RATE)])
        assert isinstance(result.failure, RenderTimeoutError)
        assert "1.5 s while opening it" in str(result.failure)


def test_repeated_offenders_are_quarantined_and_others_go_on(audio):
    with RenderPool(workers=1, quarantine=2) as strict:
        jobs = [Job("fake:crash", audio, BAD, RATE)] * 6 + [Job("fake:gain", audio, [0.5], RATE)]
        results = strict.render(jobs)
        kinds = [type(r.failure) for r in results]
        assert kinds == [RenderCrashError] * 2 + [QuarantinedError] * 4 + [type(None)]
        (again,) = strict.render([Job("fake:crash", audio, FINE, RATE)])
        assert isinstance(again.failure, QuarantinedError)
        assert "2 times" in str(again.failure)


def test_a_chain_renders_as_one_effect_and_its_slots_in_order(pool, dry, audio):
    uri = chain_uri(["fake:drive", "fake:echo"])
    spec = pool.describe(uri)
    settings = spec.random(np.random.default_rng(3))
    (result,) = pool.render([Job(uri, dry, settings)])
    np.testing.assert_array_equal(result.get(), open_effect(uri).process(audio, RATE, settings))


def test_a_tail_is_rendered(pool, dry, audio):
    (result,) = pool.render([Job("fake:echo", dry, [0.5, 0.5, 1.0], tail=0.1)])
    assert result.get().shape == (2, audio.shape[1] + 4_410)


def test_outputs_longer_than_any_before_grow_the_arena(pool):
    for samples in (10, 400_000, 3, 900_000):
        clip = np.full((1, samples), 0.25, np.float32)
        (result,) = pool.render([Job("fake:gain", clip, [0.5], RATE)])
        np.testing.assert_array_equal(result.get(), clip)


def test_a_measure_runs_in_the_worker_and_its_value_comes_back(pool, dry, audio):
    job = Job("fake:gain", dry, [0.5], measure=measures.peak, measure_args=(2.0,))
    (result,) = pool.render([job])
    assert result.get() == pytest.approx(2 * np.abs(audio).max())


def test_an_exception_in_a_measure_is_raised_here_with_its_traceback(pool, dry):
    with pytest.raises(RuntimeError, match=r"(?s)measures\.py.*LookupError: the measure is broken"):
        pool.render([Job("fake:gain", dry, [0.5], measure=measures.broken)])
    assert pool.render([Job("fake:gain", dry, [0.5])])[0].failure is None


def test_what_cannot_be_sent_is_refused_in_words(pool, dry):
    with pytest.raises(UsageError, match="top of a module"):
        pool.render([Job("fake:gain", dry, [0.5], measure=lambda audio, rate: 0.0)])
    with pytest.raises(RuntimeError, match=r"(?s)pickle"):
        pool.render([Job("fake:gain", dry, [0.5], measure=measures.unsendable)])
    main = type("f", (), {"__module__": "__main__", "__call__": lambda *a: 0})()
    main.__qualname__ = "mine"
    with pytest.raises(UsageError, match="move it to a module"):
        pool.call(main)


def test_bad_settings_and_bad_audio_are_refused(pool, dry):
    (result,) = pool.render([Job("fake:gain", dry, [0.5, 0.5])])
    assert isinstance(result.failure, ParameterError)
    with pytest.raises(AudioError, match="not finite"):
        pool.render([Job("fake:gain", np.full((1, 8), np.nan), [0.5], RATE)])
    with pytest.raises(UsageError, match="at least one worker"):
        RenderPool(workers=0)


def test_workers_run_on_their_main_thread_with_one_thread_and_their_own_folder(pool):
    facts = pool.call(measures.facts)
    assert facts["pid"] != os.getpid()
    assert facts["parent"] == os.getpid()
    assert facts["main_thread"]
    assert facts["threads"] == "1"
    assert facts["perturb"] == "255"
    assert facts["standard_output"].endswith("/log")
    assert Path(facts["tmp"]).is_dir()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_memory_that_nobody_wrote_reads_the_same_in_every_worker():
    for _ in range(2):
        with RenderPool(workers=1) as fresh:
            assert fresh.call(measures.fresh_memory) == {0}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_memory_is_filled_again_after_what_no_plugin_has_a_part_in():
    audio = np.random.default_rng(0).normal(0, 0.1, (2, 44_100)).astype(np.float32)
    with RenderPool(workers=1) as fresh:
        job = Job("builtin:gain", audio, [0.5], sample_rate=RATE, measure=measures.doubled)
        (result,) = fresh.render([job])
        assert fresh.call(measures.fresh_memory) == {0}
    # So large a value comes by way of shared memory, as audio does.
    expected = 2 * open_effect("builtin:gain").process(audio, RATE, [0.5])
    np.testing.assert_array_equal(result.get(), expected)


def test_what_a_plugin_prints_goes_to_neither_the_screen_nor_the_protocol(pool, dry, capfd):
    results = pool.render([Job("fake:chatter", dry, BAD)] * 5)
    assert all(r.failure is None for r in results)
    assert capfd.readouterr() == ("", "")


def test_specs_are_read_in_a_worker_once(pool):
    spec = pool.describe("fake:tilt")
    assert [p.id for p in spec.parameters] == ["cutoff", "tilt"]
    assert pool.describe("fake:tilt") is spec
    with pytest.raises(EffectNotFoundError, match="fake:none"):
        pool.describe("fake:none")


def test_old_workers_are_replaced(audio):
    with RenderPool(workers=1, recycle=3) as short_lived:
        shared = short_lived.share(audio, RATE)
        first = short_lived.call(measures.facts)["pid"]
        results = short_lived.render([Job("fake:gain", shared, [0.5])] * 20)
        assert all(r.failure is None for r in results)
        assert short_lived.call(measures.facts)["pid"] != first
        assert not alive(first)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_workers_that_grow_are_replaced(audio):
    with RenderPool(workers=1, max_growth=0.05) as lean:
        first = lean.call(measures.facts)["pid"]
        for _ in range(8):
            assert lean.render([Job("fake:memory", audio, BAD, RATE)])[0].failure is None
            time.sleep(0.06)
        assert lean.call(measures.facts)["pid"] != first


def test_two_threads_share_a_pool(pool, dry, audio):
    gain = open_effect("fake:gain")
    wrong = []

    def work(seed):
        for s in np.random.default_rng(seed).random(15):
            (result,) = pool.render([Job("fake:gain", dry, [s])])
            if not np.array_equal(result.get(), gain.process(audio, RATE, [s])):
                wrong.append(s)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(t.is_alive() for t in threads)
    assert not wrong


def test_one_threads_long_render_does_not_hold_up_anothers(pool, dry):
    pool.render([Job("fake:slow", dry, FINE)] * 4)
    done = threading.Event()
    thread = threading.Thread(target=lambda: (pool.call(measures.sleep, 6.0), done.set()))
    thread.start()
    time.sleep(0.2)
    pool.render([Job("fake:gain", dry, [0.5])] * 3)
    assert not done.is_set()
    thread.join(60)
    assert done.is_set()


def test_the_pool_may_be_used_while_a_render_is_being_read(pool, dry):
    seen = []
    for index, _ in pool.render_iter([Job("fake:gain", dry, [0.5])] * 4):
        seen.append(index)
        pool.describe("fake:echo")
        assert pool.render([Job("fake:gain", dry, [0.2])])[0].failure is None
    assert sorted(seen) == [0, 1, 2, 3]


def test_a_render_that_is_given_up_leaves_the_pool_usable(pool, dry):
    for _ in pool.render_iter([Job("fake:gain", dry, [0.5])] * 10):
        break
    assert all(r.failure is None for r in pool.render([Job("fake:gain", dry, [0.5])] * 10))


def test_an_empty_render_starts_nothing():
    with RenderPool(workers=2) as idle:
        assert idle.render([]) == []
        assert idle.process_ids() == []


def test_closing_leaves_no_process_and_no_file(audio):
    pool = RenderPool(workers=2)
    shared = pool.share(audio, RATE)
    pool.render([Job("fake:gain", shared, [0.5])] * 8)
    left = Path(pool.call(measures.leave_a_file))
    pids = [pid for pid in pool.process_ids()]
    folder = Path(shared.path).parent
    assert left.exists() and folder.is_dir()
    before = len(list(Path("/dev/fd").iterdir()))
    pool.close()
    pool.close()
    assert not folder.exists() and not left.exists()
    assert not any(alive(pid) for pid in pids)
    assert len(list(Path("/dev/fd").iterdir())) < before
    assert pool.closed
    with pytest.raises(UsageError, match="closed"):
        pool.render([Job("fake:gain", audio, [0.5], RATE)])


def test_closing_during_a_render_ends_it(audio):
    pool = RenderPool(workers=1)
    pool.render([Job("fake:hang", audio, FINE, RATE)])
    raised = []

    def work():
        try:
            pool.render([Job("fake:hang", audio, BAD, RATE)])
        except UsageError as error:
            raised.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.3)
    pool.close()
    thread.join(10)
    assert len(raised) == 1 and "closed" in raised[0]


def test_input_given_as_an_array_is_forgotten_after_its_render(pool, audio):
    pool.render([Job("fake:gain", audio, [0.5], RATE)] * 6)
    folder = pool.scratch().parent
    assert not list(folder.glob("in*"))
