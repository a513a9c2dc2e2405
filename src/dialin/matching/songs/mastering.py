"""A whole song made to sound like a reference song, knob by knob, without searching.

1. *Tone*: one equaliser for the middle and one for the side, solved by least squares
   (`dialin.matching.equalisers.bands`) for what is between the long-term spectra; the width of the
   side.
2. *Dynamics*: where the input's short-term loudness spreads further than the reference's, a slow
   compressor whose ratio is that of the spreads; then the crest factor, by the threshold of a quick
   compressor (and a little saturation where that does not reach), or by a gentle expander where the
   reference has more. Each is one knob, told by the whole song's levels
   (`dialin.matching.songs.crest`).
3. The equalisers once more: compression changes the spectrum, and that is taken back.
4. *Level*: a gain to the reference's loudness, or to the one that is asked for. A limiter only if a
   ceiling is asked for.

Effects that have nothing to do are left out. Everything is measured on the whole song, or where it
is longer than five minutes on pieces of it, from its quiet to its loud parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, peak_of, to_db
from dialin.effects import chain_uri, open_effect
from dialin.effects.builtin_table import builtin_spec
from dialin.effects.spec import Settings
from dialin.matching.equalisers.bands import eq_response, solve_bands
from dialin.matching.equalisers.target import EqTarget, eq_target, song_spectra
from dialin.matching.options import SongOptions
from dialin.matching.songs.crest import (
    BLOCK,
    envelope_levels,
    gain_levels,
    least_amount,
    sample_levels,
)
from dialin.matching.songs.pieces import excerpt_of
from dialin.matching.songs.profiles import Profile, played, short_term
from dialin.measures.level import SILENCE_DB, crest_db, true_peak_db
from dialin.measures.song import SongFacts, band_centres, measure_song

Values = NDArray[np.float64]

MASTERING = (
    "eq",
    "eq",
    "width",
    "gain",
    "compressor",
    "gate",
    "compressor",
    "distortion",
    "gain",
    "brickwall",
)
"""Built-ins of the chain: middle, side, width, trim; slow compressor, expander, quick compressor,
saturation; level, limiter."""

MIDDLE, SIDE, WIDTH, TRIM, GLUE, EXPANDER, PEAKS, SATURATION, GAIN, LIMITER = range(len(MASTERING))

ASPECTS = (
    *("tone", "tone", "space"),
    "dynamics",
    *("dynamics", "dynamics", "dynamics", "dynamics"),
    "level",
    "",
)
"""Of the sound that each is for; a limiter is there by wish alone."""

SPREAD_SURE = 1.0
"""LU by which spreads of loudness must differ to be worth a compressor."""

GLUE_RATIO = 2.0
EXPANDER_RATIO = 1.5
"""Largest ratios: more is heard as an effect."""

CREST_CLOSE = 0.1
"""Decibels to which the crest factor is brought."""

SLOW = {"attack": 100.0, "release": 1000.0}
QUICK = {"attack": 1.0, "release": 100.0}
"""Milliseconds of the compressors."""

PEAKS_RATIO = 4.0

EXPANDER_TRIES = 3

PEAK_DEPTH = 24.0
"""Decibels below the peak to which the quick compressor's threshold goes."""

LEVEL_TRIES = 5
MOST_DRIVE = 12.0
WIDEST, NARROWEST = 2.0, 0.2

SIDE_THERE = 1e-4
"""Share of the side in the energy below which there is none to shape."""


@dataclass(frozen=True, eq=False)
class Mastered:
    """Settings, and what they come to.

    Attributes
    ----------
    slots : tuple of int
        Places in `MASTERING` of the effects in use.
    settings : tuple of ndarray
        Of each of those.
    facts : dict
        Numbers before and after, and the reference's; plain data.
    notes : tuple of str
        What a person should know.
    made : ndarray, float32, shape (channels, samples), optional
        The song through them.
    """

    slots: tuple[int, ...]
    settings: tuple[Settings, ...]
    facts: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    made: Audio | None = None

    @property
    def uris(self) -> tuple[str, ...]:
        """Of the effects in use."""
        return tuple(f"builtin:{MASTERING[slot]}" for slot in self.slots)

    @property
    def vector(self) -> Settings:
        """Settings of their chain."""
        return np.concatenate(self.settings) if self.settings else np.zeros(0)


Slots = dict[int, Settings]


def mastering_chain() -> list[str]:
    """URIs of the chain, in order."""
    return [f"builtin:{name}" for name in MASTERING]


def render_slots(slots: Slots, audio: Audio, sample_rate: int) -> Audio:
    """A song through some slots, in blocks.

    Parameters
    ----------
    slots : dict of int to ndarray
        Place in `MASTERING` -> settings.
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
    """
    if not slots:
        return audio
    order = sorted(slots)
    effect = open_effect(chain_uri([f"builtin:{MASTERING[slot]}" for slot in order]))
    vector = np.concatenate([slots[slot] for slot in order])
    stream = effect.stream(sample_rate, audio.shape[0], vector)
    result = np.empty_like(audio)
    done = 0
    for start in range(0, audio.shape[1], BLOCK):
        wet = stream.process(audio[:, start : start + BLOCK])
        result[:, done : done + wet.shape[1]] = wet
        done += wet.shape[1]
    rest = stream.finish()
    result[:, done:] = rest[:, : result.shape[1] - done]
    return result


class _Song:
    """An input while its knobs are found."""

    def __init__(
        self,
        sample_rate: int,
        reference: Profile,
        wishes: SongOptions,
        offset: float,
    ) -> None:
        self.rate = sample_rate
        self.reference, self.wishes, self.offset = reference, wishes, offset
        self.slots: Slots = {}
        self.errors: dict[str, float] = {}
        self.peak: float | None = None

    def set(self, slot: int, **native: float) -> Settings:
        """Turn knobs of a slot, in native units, and return its settings."""
        settings = builtin_spec(MASTERING[slot]).vector(native)
        self.slots[slot] = settings
        return settings

    # Tone

    def targets(self, facts: SongFacts) -> dict[int, EqTarget]:
        """What the equalisers should do to a song of these facts."""
        own, wanted = song_spectra(facts), self.reference.spectra
        nyquist = min(self.rate / 2, self.reference.nyquist)
        up, down = self.wishes.eq_range
        options = {"smooth": self.wishes.smooth, "max_eq": up, "max_cut": down}
        targets = {MIDDLE: eq_target(own.middle, wanted.middle, nyquist=nyquist, **options)}
        if min(own.width, wanted.width) > SIDE_THERE:
            targets[SIDE] = eq_target(own.side, wanted.side, nyquist=nyquist, **options)
        return targets

    def tone(self, targets: dict[int, EqTarget]) -> None:
        """Set equalisers and width."""
        for slot, target in targets.items():
            channels = slot + 1 if SIDE in targets else 0
            up, down = self.wishes.eq_range
            settings, solved = solve_bands(
                target, self.rate, channels=channels, max_eq=up, max_cut=down
            )
            self.slots[slot] = settings
            self.errors["middle" if slot == MIDDLE else "side"] = solved.error

    def widen(self, facts: SongFacts) -> None:
        """Set the width, by what the equalisers make of the song's middle and side."""
        if SIDE not in self.slots:
            return
        hertz = band_centres()
        own, wanted = song_spectra(facts), self.reference.spectra
        made = [
            (rows * 10 ** (eq_response(self.slots[slot], hertz, self.rate) / 10) * hertz).sum()
            for rows, slot in ((own.middle, MIDDLE), (own.side, SIDE))
        ]
        ratio = wanted.width / max(1 - wanted.width, 1e-9) / max(made[1] / made[0], 1e-12)
        self.set(WIDTH, width=100 * float(np.clip(np.sqrt(ratio), NARROWEST, WIDEST)))

    def counter(self, targets: dict[int, EqTarget], audio: Audio) -> bool:
        """Take from the targets what dynamics do to the tone, heard in an excerpt.

        Parameters
        ----------
        targets : dict of int to EqTarget
            Of the equalisers, which are set to them; changed here.
        audio : ndarray, float32, shape (channels, samples)
            The excerpt.

        Returns
        -------
        bool
            Whether there are any dynamics.
        """
        toned = self.toned(audio)
        made = self.dynamics(toned)
        if made is toned:
            return False
        heard = [song_spectra(measure_song(each, self.rate)) for each in (toned, made)]
        for slot, target in targets.items():
            own, theirs = (s.middle if slot == MIDDLE else s.side for s in heard)
            change = eq_target(own, theirs, nyquist=self.rate / 2, smooth=self.wishes.smooth)
            aim = target.wanted - change.wanted
            aim = aim - np.average(aim, weights=target.weight)
            up, down = self.wishes.eq_range
            targets[slot] = replace(target, wanted=np.clip(aim, -down, up))
        return True

    def toned(self, audio: Audio) -> Audio:
        """A song through equalisers and width, turned down where it exceeds full scale.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            All of it, or an excerpt.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
        """
        used = {s: v for s, v in self.slots.items() if s <= WIDTH}
        audio = render_slots(used, audio, self.rate)
        self.slots.pop(TRIM, None)
        peak = peak_of(audio)
        if peak > 1.0:
            # Thresholds end at full scale.
            trim = self.set(TRIM, gain=max(-30.0, -float(to_db(peak)) - 0.1))
            # Where nothing was in use, it is the song itself.
            audio = audio * np.float32(
                10 ** (builtin_spec("gain").parameters[0].to_native(trim[0]) / 20)
            )
        return audio

    # Dynamics

    def dynamics(self, audio: Audio) -> Audio:
        """Set what changes levels over time; gives back the song through it.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            From `toned`.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
        """
        for slot in (GLUE, EXPANDER, PEAKS, SATURATION):
            self.slots.pop(slot, None)
        facts = measure_song(audio, self.rate, spectra=False)
        wanted = self.reference.crest_db
        own = short_term(facts)
        spread, theirs = own[-1] - own[1], self.reference.spread
        if spread > theirs + SPREAD_SURE and facts.crest_db > wanted:
            ratio = float(np.clip(spread / max(theirs, 0.1), 1.0, GLUE_RATIO))
            # Where the quieter moments end: K-weighted loudness is near enough to level.
            threshold = float(np.clip(facts.loudness + own[1], -60, 0))
            audio = self._glued(audio, ratio, threshold, wanted)
        crest = crest_db(audio)
        if crest > wanted + CREST_CLOSE:
            audio = self._held(audio, wanted)
        elif crest < wanted - CREST_CLOSE:
            audio = self._opened(audio, facts, wanted)
        return audio

    def _glued(self, audio: Audio, ratio: float, threshold: float, wanted: float) -> Audio:
        levels = envelope_levels(audio, self.rate, **SLOW)
        for share in (1.0, 0.5):
            if levels.compressed(threshold, ratio**share) >= wanted - 1.0:
                settings = self.set(GLUE, ratio=ratio**share, threshold=threshold, **SLOW)
                return render_slots({GLUE: settings}, audio, self.rate)
        return audio

    def _held(self, audio: Audio, wanted: float) -> Audio:
        """Bring the crest factor down."""
        peak = float(np.clip(to_db(peak_of(audio), SILENCE_DB), -40, 0))
        levels = envelope_levels(audio, self.rate, **QUICK)

        def compressed(below: float) -> float:
            return levels.compressed(max(peak - below, -60.0), PEAKS_RATIO)

        below = least_amount(compressed, wanted, PEAK_DEPTH, CREST_CLOSE)
        threshold = max(peak - below, -60.0)
        settings = self.set(PEAKS, threshold=threshold, ratio=PEAKS_RATIO, **QUICK)
        held = render_slots({PEAKS: settings}, audio, self.rate)
        top = peak_of(held)
        if crest_db(held) <= wanted + 2 * CREST_CLOSE or top < 10 ** (-36.0 / 20):
            return held
        samples, start = sample_levels(held), -float(to_db(top))

        def saturated(drive: float) -> float:
            # The curve bends where its input nears full scale: the song is brought there.
            return samples.saturated(max(0.0, start + drive))

        drive = start + least_amount(saturated, wanted, MOST_DRIVE, CREST_CLOSE)
        settings = self.set(SATURATION, drive=max(0.0, drive), mix=100.0)
        return render_slots({SATURATION: settings}, held, self.rate)

    def _opened(self, audio: Audio, facts: SongFacts, wanted: float) -> Audio:
        """Bring the crest factor up."""
        level = facts.loudness + short_term(facts)[-1]
        threshold = float(np.clip(level, -100, 0))

        def expand(more: float) -> Audio:
            settings = self.set(
                EXPANDER, threshold=threshold, ratio=1.0 + more, attack=5.0, release=300.0
            )
            return render_slots({EXPANDER: settings}, audio, self.rate)

        most = EXPANDER_RATIO - 1.0
        wet = expand(most)
        if (crest := crest_db(wet)) <= wanted:
            return wet
        # Gains in decibels are nearly as their ratio; what is missing then is made up for.
        levels = gain_levels(audio, wet)
        aim, shares = wanted, np.linspace(0.0, 1.0, 51)
        crests = [levels.crest(share * levels.decibels) for share in shares]
        for _ in range(EXPANDER_TRIES):
            wet = expand(most * float(np.interp(aim, np.maximum.accumulate(crests), shares)))
            crest = crest_db(wet)
            if abs(crest - wanted) <= CREST_CLOSE:
                break
            aim = float(np.clip(aim + wanted - crest, crests[0], crests[-1]))
        return wet

    def drop_neutral(self) -> None:
        """Leave out what has nothing to do."""
        for slot, settings in list(self.slots.items()):
            if (
                (slot in (MIDDLE, SIDE) and np.allclose(settings[2::3], 0.5))
                or (slot == WIDTH and abs(settings[0] - 0.5) < 0.005)
                or (slot == GAIN and abs(settings[0] - 0.5) * 60 < 0.05)
            ):
                del self.slots[slot]

    # Level

    def level(self, audio: Audio) -> None:
        """Set the gain, and the limiter where a ceiling is asked for."""
        wanted = self.reference.loudness if self.wishes.loudness is None else self.wishes.loudness
        wanted -= self.offset
        facts = measure_song(audio, self.rate, spectra=False)
        gain = float(np.clip(wanted - played(facts), -30, 30))
        self.set(GAIN, gain=gain)
        if self.wishes.ceiling is None:
            return
        ceiling = self.wishes.ceiling
        for _ in range(LEVEL_TRIES):
            self.set(LIMITER, ceiling=ceiling, release=100.0, lookahead=5.0, true_peak=1.0)
            pair = {slot: self.slots[slot] for slot in (GAIN, LIMITER)}
            limited = render_slots(pair, audio, self.rate)
            missing = wanted - played(measure_song(limited, self.rate, spectra=False))
            peak = true_peak_db(limited)
            over = peak - self.wishes.ceiling
            self.peak = peak
            if abs(missing) < 0.05 and over <= 0:
                break
            # Between the samples a limiter lets a little more through than it means to.
            ceiling = max(-40.0, ceiling - (over + 0.02 if over > 0 else 0.0))
            gain = float(np.clip(gain + missing, -30, 30))
            self.set(GAIN, gain=gain)


def master(
    audio: Audio,
    sample_rate: int,
    reference: Profile,
    wishes: SongOptions | None = None,
    *,
    offset: float = 0.0,
    progress: Callable[[float], None] | None = None,
) -> Mastered:
    """Settings of the mastering chain that bring a song to a reference.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        The song, or pieces of it one behind the other.
    sample_rate : int
        In hertz.
    reference : Profile
        What it should sound like.
    wishes : SongOptions, optional
        What else is asked for.
    offset : float, default 0
        By how many LU the whole song is louder than `audio`.
    progress : callable, optional
        Told how much of the work is done, 0 to 1.

    Returns
    -------
    Mastered
    """
    wishes = wishes or SongOptions()
    tell = progress or (lambda share: None)
    song = _Song(sample_rate, reference, wishes, offset)
    before = measure_song(audio, sample_rate)
    tell(0.2)
    targets = song.targets(before)
    song.tone(targets)
    song.widen(before)
    tell(0.3)
    if song.counter(targets, excerpt_of(audio, before)):
        song.tone(targets)
        song.widen(before)
    tell(0.6)
    song.drop_neutral()
    made = song.dynamics(song.toned(audio))
    tell(0.9)
    song.level(made)
    song.drop_neutral()
    crest = crest_db(made)
    last = {slot: song.slots[slot] for slot in (GAIN, LIMITER) if slot in song.slots}
    made = render_slots(last, made, sample_rate)
    return _result(song, before, made, crest)


def _result(song: _Song, before: SongFacts, made: Audio, crest: float) -> Mastered:
    used = tuple(sorted(song.slots))
    hertz = band_centres()
    heard = (hertz >= 35) & (hertz <= 18_000)
    curves = [
        eq_response(song.slots[slot], hertz[heard], song.rate)
        for slot in (MIDDLE, SIDE)
        if slot in song.slots
    ]
    gain = 0.0
    if GAIN in song.slots:
        gain = builtin_spec("gain").parameters[0].to_native(float(song.slots[GAIN][0]))
    facts = {
        "loudness_before_lufs": played(before),
        "crest_before_db": before.crest_db,
        "crest_after_db": crest,
        "loudness_wanted_lufs": song.reference.loudness
        if song.wishes.loudness is None
        else song.wishes.loudness,
        "crest_wanted_db": song.reference.crest_db,
        "largest_eq_db": max((float(np.abs(c).max()) for c in curves), default=0.0),
        "largest_boost_db": max((float(c.max()) for c in curves), default=0.0),
        "gain_db": gain,
        **({} if song.peak is None else {"true_peak_after_dbtp": song.peak}),
        **{f"eq_error_{name}_db": value for name, value in song.errors.items()},
    }
    peak = float(to_db(peak_of(made), SILENCE_DB))
    notes = []
    if peak > 0 and song.wishes.ceiling is None:
        notes.append(
            f"at the reference's loudness the result peaks at {peak:+.1f} dBFS; --ceiling -1 "
            "puts a true-peak limiter behind it, --headroom turns it down"
        )
    settings = tuple(song.slots[slot] for slot in used)
    return Mastered(used, settings, facts, tuple(notes), made)
