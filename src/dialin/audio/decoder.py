"""libsndfile as a decoder whose every sample is the same, however one gets there."""

from __future__ import annotations

from functools import partial
from typing import Any

from numpy.typing import NDArray

from dialin.audio.splice import Spliced

OGG_PAGE_SECONDS = 6.0
"""Longer than the last page of an Ogg file."""

MP3_RUN_UP = 64 * 1152
"""Samples decoded and forgotten before a place in an MP3 file.

A frame may use bytes of frames before it, at most 511: at the lowest bit rates that is many, and
more than mpg123 goes back by itself.
"""


class Decoder:
    """An open file, or what looks like one.

    Parameters
    ----------
    file : str, bytes or Spliced

    Attributes
    ----------
    sample_rate, channels, frames : int
    subtype, format, log : str
        As libsndfile says.

    Raises
    ------
    soundfile.LibsndfileError
        If libsndfile does not know the format.
    """

    def __init__(self, file: str | bytes | Spliced) -> None:
        import soundfile

        class Sequential(soundfile.SoundFile):  # type: ignore[misc]
            # soundfile seeks before and after each read of a file that allows it, which makes
            # mpg123 begin anew with other samples than if it had gone on.
            def seekable(self) -> bool:
                return False

        self._open: Any = partial(Sequential, file)
        self._file = self._open()
        self._seekable = bool(soundfile.SoundFile.seekable(self._file))
        self.sample_rate = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        self.frames = int(self._file.frames)
        self.subtype = str(self._file.subtype)
        self.format = str(self._file.format)
        self.log = str(self._file.extra_info)
        self._position = 0

    def seek(self, position: int) -> None:
        """Go to a sample, of which the next read is the first.

        Parameters
        ----------
        position : int
            Index of the sample, from 0.
        """
        if position == self._position:
            return
        start = position
        if self.format == "OGG":
            # libsndfile (1.2.2) arrives somewhere else when the place lies in the last page.
            last = self.frames - int(OGG_PAGE_SECONDS * self.sample_rate)
            start = max(0, min(position, last))
        elif self.subtype.startswith("MPEG"):
            start = max(0, position - MP3_RUN_UP)
        if not self._seekable:
            # Such as GSM: only from its start.
            start = 0
        if not self._seekable and self._position > position:
            self._file.close()
            self._file, self._position = self._open(), 0
        elif self._seekable and not start <= self._position < position:
            self._file.seek(start)
            self._position = start
        while self._position < position:
            before = self._position
            self.read(min(position - before, MP3_RUN_UP), "float32")
            if self._position == before:
                break

    def read(self, frames: int, dtype: str) -> NDArray[Any]:
        """Read on; ``(samples, channels)``, fewer than asked for only at the end.

        Parameters
        ----------
        frames : int
            Samples of each channel wanted; -1 for all that are left.
        dtype : str
            libsndfile's name of the wanted type, such as ``float32`` or ``int32``.

        Returns
        -------
        ndarray, shape (samples, channels)
            Of the wanted type.
        """
        data: NDArray[Any] = self._file.read(frames, dtype=dtype, always_2d=True)
        self._position += data.shape[0]
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()
