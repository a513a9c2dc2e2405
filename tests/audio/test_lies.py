"""Headers that promise what cannot be: refused in words, at once, without the memory for it."""

import io
import struct

import numpy as np
import pytest
import soundfile

from dialin.audio import audio_info, read_audio, read_blocks
from dialin.audio.decoder import Decoder
from dialin.audio.files import exact_blocks
from dialin.errors import AudioError, AudioFileError

NOISE = 0.1 * np.random.default_rng(0).standard_normal((24_000, 2))


def flac(path, rate=24_000, total=None):
    """A second of FLAC whose header says something else of it."""
    buffer = io.BytesIO()
    soundfile.write(buffer, NOISE, 24_000, format="FLAC")
    data = bytearray(buffer.getvalue())
    # STREAMINFO: 20 bits of rate, 3 of channels, 5 of depth, 36 of samples.
    fields = int.from_bytes(data[18:26], "big")
    total = fields & (2**36 - 1) if total is None else total
    fields = rate << 44 | (fields >> 36 & 0xFF) << 36 | total
    data[18:26] = fields.to_bytes(8, "big")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("total", [2**36 - 1, 30_081_548_288, 100_000])
def test_flac_that_promises_hours(tmp_path, total):
    path = flac(tmp_path / "a.flac", total=total)
    with pytest.raises(AudioFileError, match=r"memory|truncated|cannot be read"):
        read_audio(path)


def test_what_does_not_fit_into_memory_is_said(tmp_path, monkeypatch):
    path = flac(tmp_path / "a.flac")

    def read(self, frames, dtype):
        raise MemoryError

    monkeypatch.setattr(Decoder, "read", read)
    with pytest.raises(AudioFileError, match=r"GiB and does not fit into memory"):
        read_audio(path)


@pytest.mark.parametrize("rate", [6, 3_999])
def test_a_rate_that_no_music_has_is_refused_before_anything_is_read(tmp_path, rate):
    with pytest.raises(AudioFileError, match=rf"a\.flac.*{rate} Hz is outside 4000"):
        audio_info(flac(tmp_path / "a.flac", rate=rate))


def test_too_many_channels_are_refused_before_anything_is_read(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((100, 200)), 24_000)
    with pytest.raises(AudioFileError, match="200 channels; dialin takes up to 64"):
        audio_info(path)
    header = bytearray(path.read_bytes())
    where = header.index(b"fmt ") + 8
    struct.pack_into("<H", header, where + 2, 1024)
    path.write_bytes(header)
    with pytest.raises(AudioFileError):
        audio_info(path)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_where_in_a_file_a_sample_is_no_sound(tmp_path, value):
    path = tmp_path / "a.wav"
    sound = NOISE.copy()
    sound[18_000, 1] = value
    soundfile.write(path, sound, 24_000, subtype="DOUBLE")
    readers = [
        lambda: read_audio(path),
        lambda: read_audio(path, start=12_000),
        lambda: list(read_blocks(path, 4_096)),
        lambda: list(exact_blocks(path, 4_096)),
    ]
    for read in readers:
        with pytest.raises(AudioError, match=r"at 0\.7500 s, channel 2; export it again"):
            read()


@pytest.mark.parametrize("leads_to", ["a.wav", "gone.wav"])
def test_a_link_that_leads_nowhere_is_said_to_be_one(tmp_path, leads_to):
    path = tmp_path / "a.wav"
    path.symlink_to(leads_to)
    with pytest.raises(AudioFileError, match=f"a link to '{leads_to}', where there is no file"):
        audio_info(path)
