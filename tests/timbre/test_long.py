"""Long recordings: the same values in blocks, in little memory."""

import subprocess
import sys

import numpy as np
import pytest

from dialin.audio import write_audio
from dialin.errors import AudioError
from dialin.timbre import ATTRIBUTES, blocks, clip, resampling, timbre, timbre_files
from dialin.timbre.clip import TimbreClip
from dialin.timbre.loudness import integrated_loudness
from dialin.timbre.resampling import Resampler, resample
from dialin.timbre.streams import LoudnessMeter

RATE = 48_000
SECONDS = 130


@pytest.fixture(scope="module")
def long_song(tmp_path_factory):
    """Notes of many pitches with gaps, noise and a rest, stereo."""
    rng = np.random.default_rng(4)
    audio = np.zeros((2, SECONDS * RATE), np.float32)
    place = 0
    while place < audio.shape[1] - RATE:
        size = int(rng.uniform(0.1, 0.9) * RATE)
        moment = np.arange(size) / RATE
        note = sum(
            np.sin(2 * np.pi * rng.uniform(60, 400) * k * moment) / k for k in range(1, 6)
        ) * np.exp(-moment * rng.uniform(1, 12))
        note += 0.05 * rng.standard_normal(size)
        audio[:, place : place + size] += (0.2 * note * rng.uniform(0.3, 1, (2, 1))).astype("f4")
        place += int(size * rng.uniform(0.8, 1.6))
    audio[:, 60 * RATE : 70 * RATE] = 0.0
    file = tmp_path_factory.mktemp("long") / "song.wav"
    write_audio(file, audio, RATE)
    return file, audio


def test_blocks_change_nothing_that_could_be_heard(long_song, monkeypatch):
    file, audio = long_song
    assert TimbreClip(audio, RATE).is_long
    (streamed,) = timbre_files([file], workers=1)
    in_blocks = timbre(audio, RATE)
    for module in (clip, sys.modules["dialin.timbre.attributes.depth"]):
        monkeypatch.setattr(module, "LONG", 10**9)
    for module in (blocks, sys.modules["dialin.timbre.attributes.roughness"]):
        monkeypatch.setattr(module, "FRAMES", 10**9)
    monkeypatch.setattr(resampling, "ROWS", 10**9)
    monkeypatch.setattr(blocks.spans, "__defaults__", (10**9,))
    whole = timbre(audio, RATE)
    for name in ATTRIBUTES:
        assert in_blocks[name] == pytest.approx(whole[name], abs=1e-4), name
        assert streamed[name] == pytest.approx(whole[name], abs=1e-4), name
    assert streamed.rt60 == pytest.approx(whole.rt60, abs=1e-9)


def test_the_middle_of_a_long_file_is_the_same_piece(long_song):
    file, audio = long_song
    (found,) = timbre_files([file], "sharpness", excerpt=125.0, workers=1)
    first = (SECONDS - 125) * RATE // 2
    wanted = timbre(audio[:, first : first + 125 * RATE], RATE, "sharpness")
    assert found["sharpness"] == pytest.approx(wanted["sharpness"], abs=1e-6)


@pytest.mark.parametrize("rates", [(96_000, 44_100), (24_000, 44_100), (44_056, 44_100)])
def test_resampling_in_blocks_is_resampling(rates):
    x = np.random.default_rng(0).standard_normal(50_001)
    maker = Resampler(*rates)
    pieces = [maker.add(part) for part in np.split(x, [7, 1000, 1001, 30_000])]
    found = np.concatenate([*pieces, maker.finish()])
    assert np.allclose(found, resample(x, *rates), atol=1e-12) and found.size


@pytest.mark.parametrize("size", [19_200, 19_201, 300_000])
def test_loudness_in_blocks_is_loudness(size):
    x = np.random.default_rng(1).normal(0, 0.1, size) * np.linspace(0.1, 1, size)
    meter = LoudnessMeter(RATE)
    for part in np.array_split(x, 7):
        meter.add(part)
    assert meter.loudness() == pytest.approx(integrated_loudness(x, RATE), abs=1e-9)


def test_long_silence_and_noughts_that_are_no_numbers_are_named(tmp_path):
    audio = np.zeros((1, 125 * 8000), np.float32)
    write_audio(tmp_path / "silent.wav", audio, 8000)
    (found,) = timbre_files([tmp_path / "silent.wav"], workers=1)
    assert all(np.isnan(v) for v in found.values()) and "silence" in found.reasons["depth"]
    import soundfile

    audio[0, 500_000] = np.nan
    soundfile.write(tmp_path / "nan.wav", audio.T, 8000, subtype="FLOAT")
    (found,) = timbre_files([tmp_path / "nan.wav"], workers=1)
    assert isinstance(found, AudioError)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_a_long_file_takes_little_memory(tmp_path):
    import soundfile

    rng = np.random.default_rng(2)
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 96_000, 2, subtype="FLOAT") as file:
        for _ in range(200):
            file.write(rng.normal(0, 0.1, (96_000, 2)).astype(np.float32))
    code = (
        "import re, sys\n"
        "from dialin.timbre import timbre_files\n"
        "(found,) = timbre_files([sys.argv[1]], workers=1)\n"
        "assert found['depth'] == found['depth'], found\n"
        # Not ru_maxrss, which begins with what the process had that started this one.
        "text = open('/proc/self/status').read()\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', text)[1]) / 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "long.wav"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    # The whole of it, worked on at once, took 1.4 GB.
    assert float(done.stdout) < 600
