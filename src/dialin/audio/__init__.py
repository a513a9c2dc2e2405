"""Audio as the rest of dialin sees it: float32 ``(channels, samples)`` with its rate beside it."""

from dialin.audio.excerpts import active_excerpts, silence_level
from dialin.audio.files import (
    AudioInfo,
    audio_info,
    read_audio,
    read_blocks,
    seek_exactly,
    write_audio,
)
from dialin.audio.gate import Audio, check_audio, check_sample_rate
from dialin.audio.levels import integrated_loudness, peak_dbfs, played_loudness, rms_dbfs, to_db
from dialin.audio.resample import resample

__all__ = [
    "Audio",
    "AudioInfo",
    "active_excerpts",
    "audio_info",
    "check_audio",
    "check_sample_rate",
    "integrated_loudness",
    "peak_dbfs",
    "played_loudness",
    "read_audio",
    "read_blocks",
    "resample",
    "rms_dbfs",
    "seek_exactly",
    "silence_level",
    "to_db",
    "write_audio",
]
