"""Audio as the rest of dialin sees it: float32 ``(channels, samples)`` with its rate beside it."""

from dialin.audio.excerpts import Cut, active_excerpts, cut_file, silence_level
from dialin.audio.files import audio_info, exact_blocks, read_audio, read_blocks
from dialin.audio.formats import OutputFormat, format_for, output_format
from dialin.audio.gate import Audio, check_audio, check_sample_rate
from dialin.audio.infrasound import infrasound_share, without_infrasound
from dialin.audio.levels import (
    integrated_loudness,
    peak_dbfs,
    peak_of,
    played_loudness,
    power_to_db,
    rms_dbfs,
    to_db,
)
from dialin.audio.metadata import copy_metadata
from dialin.audio.reader import AudioInfo, AudioReader
from dialin.audio.resample import resample
from dialin.audio.writing import write_audio

__all__ = [
    "Audio",
    "AudioInfo",
    "AudioReader",
    "Cut",
    "OutputFormat",
    "active_excerpts",
    "audio_info",
    "check_audio",
    "check_sample_rate",
    "copy_metadata",
    "cut_file",
    "exact_blocks",
    "format_for",
    "infrasound_share",
    "integrated_loudness",
    "output_format",
    "peak_dbfs",
    "peak_of",
    "played_loudness",
    "power_to_db",
    "read_audio",
    "read_blocks",
    "resample",
    "rms_dbfs",
    "silence_level",
    "to_db",
    "without_infrasound",
    "write_audio",
]
