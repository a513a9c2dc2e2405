"""The format of an output is decided, and tried, before anything is rendered."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dialin.audio import (
    audio_info,
    exact_blocks,
    foreign,
    format_for,
    output_format,
    read_audio,
    read_blocks,
    write_audio,
)
from dialin.errors import AudioFileError, OutputError

RATE = 44_100
DATA = Path(__file__).parent.parent / "data" / "audio"


def sound(seconds=0.5) -> np.ndarray:
    shape = (2, round(seconds * RATE))
    return np.random.default_rng(0).uniform(-0.5, 0.5, shape).astype(np.float32)


def made(folder: Path, name: str, format: str, subtype: str, rate=RATE) -> Path:
    path = folder / name
    with soundfile.SoundFile(path, "w", rate, 2, subtype, format=format) as file:
        file.write(sound().T)
    return path


@pytest.mark.parametrize(
    ("name", "format", "subtype", "expected"),
    [
        ("x.wav", "WAV", "PCM_24", ("wav", "WAV", "PCM_24")),
        ("X.WAV", "WAVEX", "PCM_24", ("WAV", "WAVEX", "PCM_24")),
        ("x.wav", "RF64", "FLOAT", ("wav", "RF64", "FLOAT")),
        ("x.aif", "AIFF", "PCM_16", ("aif", "AIFF", "PCM_16")),
        ("x.flac", "FLAC", "PCM_24", ("flac", "FLAC", "PCM_24")),
        ("x.au", "AU", "PCM_16", ("au", "AU", "PCM_16")),
        ("x.oga", "OGG", "VORBIS", ("oga", "OGG", "VORBIS")),
        ("x.wav", "WAV", "ULAW", ("wav", "WAV", "ULAW")),
        # Name and content disagree: a name that promises samples as they are is kept.
        ("x.wav", "MP3", "MPEG_LAYER_III", ("wav", "WAV", "FLOAT")),
        ("x.wav", "FLAC", "PCM_24", ("wav", "WAV", "PCM_24")),
        ("x.flac", "WAV", "FLOAT", ("flac", "FLAC", "PCM_24")),
        ("x.mp3", "WAV", "PCM_16", ("wav", "WAV", "PCM_16")),
        ("x.mp3", "OGG", "VORBIS", ("ogg", "OGG", "VORBIS")),
        ("x", "AIFF", "PCM_16", ("aiff", "AIFF", "PCM_16")),
        ("x.take3", "WAV", "PCM_16", ("wav", "WAV", "PCM_16")),
    ],
)
def test_an_output_is_as_near_to_its_input_as_can_be(tmp_path, name, format, subtype, expected):
    path = made(tmp_path, name, format, subtype)
    chosen = output_format(audio_info(path))
    assert (chosen.suffix, chosen.container, chosen.subtype) == expected
    agrees = (chosen.suffix, chosen.container) == (path.suffix[1:], format)
    assert bool(chosen.note) is not agrees
    out = write_audio(
        tmp_path / f"out.{chosen.suffix}", sound(), RATE,
        subtype=chosen.subtype, container=chosen.container,
    )  # fmt: skip
    assert audio_info(out).subtype == chosen.subtype


def test_a_format_that_cannot_be_written_is_exchanged_before_and_not_after(tmp_path, monkeypatch):
    path = made(tmp_path, "x.mp3", "MP3", "MPEG_LAYER_III")
    real = soundfile.SoundFile

    def no_mp3(file, mode="r", *args, **options):
        if mode == "w" and options.get("format") == "MP3":
            raise soundfile.LibsndfileError(1)
        return real(file, mode, *args, **options)

    info = audio_info(path)
    monkeypatch.setattr(soundfile, "SoundFile", no_mp3)
    chosen = output_format(info)
    assert (chosen.suffix, chosen.container) == ("wav", "WAV") and "x.mp3" in chosen.note


def test_a_name_that_cannot_hold_the_rate_is_refused(tmp_path):
    path = made(tmp_path, "x.wav", "WAV", "PCM_16", rate=96_000)
    with pytest.raises(OutputError, match=r"96000 Hz.*name it \.wav"):
        format_for(tmp_path / "out.mp3", audio_info(path))
    assert format_for(tmp_path / "out.flac", audio_info(path)).subtype == "PCM_16"


def test_a_long_output_is_rf64(tmp_path):
    info = audio_info(made(tmp_path, "x.wav", "WAV", "PCM_24"))
    assert format_for(tmp_path / "y.wav", info).container == "WAV"
    assert format_for(tmp_path / "y.wav", info, tail=20_000).container == "RF64"


@pytest.mark.parametrize("suffix", ["ogg", "opus"])
def test_a_minute_in_one_block_is_written_whole(tmp_path, suffix):
    # In a process of its own: libvorbis used to overflow the stack, which nothing catches.
    script = (
        "import sys, threading, numpy as np\n"
        "from dialin.audio import write_audio\n"
        "x = 0.1 * np.random.default_rng(0).standard_normal((1, 60 * 48_000), dtype=np.float32)\n"
        "threading.stack_size(512 * 1024)\n"
        "go = threading.Thread(target=write_audio, args=(sys.argv[1], x, 48_000))\n"
        "go.start(); go.join()\n"
    )
    path = tmp_path / f"x.{suffix}"
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert audio_info(path).frames == 60 * 48_000


@pytest.mark.parametrize("length", [200, 251])
def test_names_may_be_as_long_as_the_file_system_takes(tmp_path, length):
    path = tmp_path / ("n" * (length) + ".wav")
    write_audio(path, sound(), RATE)
    np.testing.assert_array_equal(read_audio(path)[0], sound())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_names_are_bytes(tmp_path, suffix):
    folder = tmp_path / os.fsdecode(b"\xff#%20 'x' \n")
    path = folder / os.fsdecode(b"caf\xe9 \xf0." + suffix.encode())
    write_audio(path, sound(), RATE)
    assert path.exists()
    audio, _ = read_audio(path)
    assert audio.shape == sound().shape
    with pytest.raises(AudioFileError) as caught:
        read_audio(path.with_name(os.fsdecode(b"\xe9.wav")))
    # It can be printed anywhere.
    str(caught.value).encode("ascii")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_is_refused_at_once(tmp_path):
    pipe = tmp_path / "x.wav"
    os.mkfifo(pipe)
    for read in (audio_info, read_audio, lambda p: list(read_blocks(p))):
        problem: list[BaseException] = []

        def attempt(read=read, problem=problem):
            try:
                read(pipe)
            except AudioFileError as error:
                problem.append(error)

        thread = threading.Thread(target=attempt, daemon=True)
        thread.start()
        thread.join(20)
        assert problem and "save it to a file first" in str(problem[0])


@pytest.mark.parametrize(
    ("subtype", "container"),
    [("PCM_32", "WAV"), ("DOUBLE", "WAV"), ("PCM_32", "AIFF"), ("PCM_24", "FLAC"), ("FLOAT", "WAV"),
     ("PCM_U8", "WAV"), ("PCM_S8", "FLAC"), ("PCM_16", "CAF"), ("DOUBLE", "W64")],
)  # fmt: skip
def test_all_bits_are_copied(tmp_path, subtype, container):
    suffix = container.lower()
    rng = np.random.default_rng(1)
    if subtype == "DOUBLE":
        data = rng.standard_normal((5_000, 2))
    else:
        data = rng.integers(-(2**31), 2**31 - 1, (5_000, 2)).astype(np.int32)
    path = tmp_path / f"x.{suffix}"
    soundfile.write(path, data, RATE, subtype=subtype, format=container)
    out = tmp_path / f"y.{suffix}"
    write_audio(out, exact_blocks(path, 999), RATE, subtype=subtype, container=container)
    kind = "float64" if subtype == "DOUBLE" else "int32"
    first, second = (soundfile.read(file, dtype=kind)[0] for file in (path, out))
    np.testing.assert_array_equal(first, second)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_m4a_is_read_where_ffmpeg_is_installed(tmp_path):
    path = DATA / "tiny.m4a"
    info = audio_info(path)
    assert (info.sample_rate, info.channels, info.format, info.subtype) == (
        44_100, 1, "FFMPEG", "AAC",
    )  # fmt: skip
    whole, _ = read_audio(path)
    assert whole.shape == (1, info.frames) and 0.9 < info.seconds < 1.1
    part, _ = read_audio(path, start=20_000, frames=500)
    np.testing.assert_array_equal(part, whole[:, 20_000:20_500])
    # The sine of 440 Hz that it was made from.
    spectrum = np.abs(np.fft.rfft(whole[0, 4_410:39_690]))
    assert np.argmax(spectrum) * RATE / 35_280 == pytest.approx(440, abs=2)
    chosen = output_format(info)
    assert (chosen.suffix, chosen.container) == ("flac", "FLAC") and "AAC" in chosen.note


def test_without_ffmpeg_the_message_says_what_to_install(tmp_path, monkeypatch):
    path = shutil.copy(DATA / "tiny.m4a", tmp_path / "x.m4a")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioFileError, match="install ffmpeg"):
        audio_info(path)


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize("hanging", ["ffmpeg", "ffprobe"])
def test_a_program_that_hangs_is_ended(tmp_path, monkeypatch, hanging):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("ffmpeg", "ffprobe"):
        lines = "exec sleep 60" if name == hanging else "exit 1"
        (programs / name).write_text(f"#!/bin/sh\n{lines}\n", "utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(foreign, "PATIENCE", 0.3)
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x18ftypM4A " + bytes(500))
    what = "not decoded by ffmpeg within 0 s" if hanging == "ffmpeg" else "no sound track"
    with pytest.raises(AudioFileError, match=what):
        read_audio(tmp_path / "a.m4a")


def test_a_file_that_is_no_audio_is_not_given_to_ffmpeg(tmp_path):
    # A playlist would have it open other files.
    path = tmp_path / "x.m4a"
    path.write_text("#EXTM3U\n/etc/hostname\n")
    with pytest.raises(AudioFileError, match="cannot be read as audio"):
        audio_info(path)
