"""A file copied without an effect loses nothing, and who dies in a render is named rightly."""

import struct
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dialin.audio import audio_info, read_audio, write_audio
from dialin.errors import OutputError, RenderCrashError
from dialin.matching.files import apply, file_render
from dialin.matching.files.streaming import FileJob, copy_file
from dialin.presets.preset import Preset
from dialin.rendering import RenderPool, Result

RATE = 44_100


@pytest.fixture(scope="module")
def pool():
    with RenderPool(workers=1) as made:
        yield made


@pytest.mark.parametrize("tail", [0.0, 0.5])
@pytest.mark.parametrize(
    ("name", "subtype"),
    [("x.wav", "PCM_32"), ("x.wav", "DOUBLE"), ("x.aiff", "PCM_32"), ("x.wav", "PCM_24"),
     ("x.wav", "FLOAT"), ("x.flac", "PCM_16")],
)  # fmt: skip
def test_amount_0_is_the_input_to_its_last_bit(pool, tmp_path, name, subtype, tail):
    rng = np.random.default_rng(0)
    data = rng.uniform(-1, 1, (9_000, 2))
    kind = "float64" if subtype in ("FLOAT", "DOUBLE") else "int32"
    if kind == "int32":
        data = (data * (2**31 - 1)).astype(np.int32)
    soundfile.write(tmp_path / name, data, RATE, subtype=subtype)
    preset = Preset.from_settings([pool.describe("builtin:gain")], np.array([0.9]))
    (done,) = apply.apply_preset(
        preset, [tmp_path / name], tmp_path / "out", amount=0, tail=tail, pool=pool
    )
    before, _ = soundfile.read(tmp_path / name, dtype=kind)
    after, _ = soundfile.read(done.target, dtype=kind)
    assert soundfile.info(done.target).subtype == subtype
    np.testing.assert_array_equal(after[:9_000], before)
    assert len(after) == 9_000 + round(tail * RATE) and not after[9_000:].any()


@pytest.mark.parametrize("suffix", ["mp3", "ogg"])
def test_amount_0_does_not_code_a_lossy_file_again(tmp_path, suffix):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (2, RATE)).astype(np.float32)
    source = write_audio(tmp_path / f"x.{suffix}", sound, RATE)
    info = audio_info(source)
    target = tmp_path / f"y.{suffix}"
    job = FileJob(str(source), str(target), (), subtype=info.subtype, container=info.format)
    made = copy_file(job)
    assert made.copied and target.read_bytes() == source.read_bytes()
    assert (made.frames, made.peak) == (info.frames, np.abs(read_audio(source)[0]).max())


def test_an_output_keeps_the_tags_of_its_input(pool, tmp_path):
    sound = np.zeros((1, RATE), np.float32)
    source = write_audio(tmp_path / "x.wav", sound, RATE, subtype="PCM_16")
    cue = struct.pack("<I", 1) + struct.pack("<II4sIII", 1, 500, b"data", 0, 0, 500)
    data = source.read_bytes() + b"cue " + struct.pack("<I", len(cue)) + cue
    source.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    preset = Preset.from_settings([pool.describe("builtin:gain")], np.array([0.9]))
    (done,) = apply.apply_preset(preset, [source], tmp_path / "out", tail=0.1, pool=pool)
    assert cue in done.target.read_bytes() and not done.notes


class DyingPool:
    """A pool whose worker dies while it writes, or while the effect works."""

    def __init__(self, writing: bool) -> None:
        self.writing = writing

    workers = 1

    def submit_calls(self, _, arguments, **__):
        ((job,),) = arguments
        Path(job.counter).write_bytes(struct.pack("<q?", RATE, self.writing))
        future = Future()
        future.set_result(Result(failure=RenderCrashError("builtin:gain died")))
        return [future]


def test_a_writer_that_dies_is_blamed_and_not_the_effect(tmp_path):
    sound = np.zeros((1, RATE), np.float32)
    source = write_audio(tmp_path / "x.ogg", sound, RATE)
    target = tmp_path / "out" / "x.ogg"
    with pytest.raises(OutputError, match=r"wrote OGG \(VORBIS\), 1\.0 s into it") as caught:
        file_render.render_file(source, target, "builtin:gain", [0.5], pool=DyingPool(True))
    assert str(target) in str(caught.value)
    with pytest.raises(RenderCrashError, match="builtin:gain died"):
        file_render.render_file(source, target, "builtin:gain", [0.5], pool=DyingPool(False))
