"""Small made-up songs, the same everywhere, with names that fall into the splits."""

import numpy as np
import soundfile

from dialin.data import split_of

RATE = 24_000


def song(seed, seconds=12.0, channels=1):
    """Chords, a beat and some noise: something that every kind of effect changes."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    audio = np.zeros((channels, time.size))
    for start in np.arange(0, seconds, 0.5):
        here = (time >= start) & (time < start + 0.5)
        local = time[here] - start
        for note in rng.choice([110, 165, 220, 277, 330, 440, 660], size=3, replace=False):
            tone = np.sin(2 * np.pi * note * local) + 0.3 * np.sin(4 * np.pi * note * local)
            pan = rng.random() if channels == 2 else 0.5
            for channel, weight in enumerate((1 - pan, pan)[:channels]):
                audio[channel, here] += weight * 0.2 * tone * np.exp(-4 * local)
        audio[:, here] += 0.1 * rng.standard_normal(local.size) * np.exp(-40 * local)
    return (audio / np.abs(audio).max() * 0.7).astype(np.float32)


def write_songs(folder, *, test=2, train=2, seconds=12.0, channels=1):
    """Write songs so that each split has as many as asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {"test": test, "train": train}
    for number in range(1000):
        split = split_of(f"tune{number}")
        if wanted.get(split, 0) > 0:
            wanted[split] -= 1
            audio = song(number, seconds, channels)
            soundfile.write(folder / f"tune{number}.wav", audio.T, RATE, subtype="FLOAT")
    return folder
