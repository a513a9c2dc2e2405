"""How well equalisers are solved: a known setting of each is to be found again.

For each effect random settings are drawn (levers within 10 dB, companions within the middle of
their travel). *noise*: the target is the known response itself. *music*: it is what is between the
long-term spectra of one song and of another through the effect, so content noise is in it; beside
it stands what the two songs differ by without any effect. Errors are of the response found, level
aside, in third of octaves from 40 Hz to 16 kHz.

    python benchmarks/eq_fits.py lv2:urn:zamaudio:ZamEQ2 builtin:eq --items 3 [--songs SONG...]
"""

from __future__ import annotations

import argparse

import numpy as np

from dialin.audio import read_audio
from dialin.effects import open_effect
from dialin.errors import DialinError
from dialin.matching.equalisers.effects import solve_effect
from dialin.matching.equalisers.probe import EqProbe, Responder, probe_eq
from dialin.matching.equalisers.target import EqTarget, eq_target, song_spectra
from dialin.measures.song import band_centres, measure_song

RATE, RANGE_DB, SECONDS = 44_100, 10.0, 40.0


def known_settings(probe: EqProbe, rng: np.random.Generator) -> np.ndarray:
    """Random settings of an equaliser."""
    settings = np.array(probe.base)
    for lever in probe.levers:
        reach = RANGE_DB * (lever.lifted - lever.rest) / abs(lever.peak_db)
        low, high = sorted((lever.rest - reach, lever.rest + reach)) if lever.gain else (0.1, 0.9)
        settings[lever.knob] = rng.uniform(max(low, 0.0), min(high, 1.0))
        for companion in lever.companions:
            settings[companion] = rng.uniform(0.2, 0.8)
    return settings


def errors(response: np.ndarray, wanted: np.ndarray) -> tuple[float, float]:
    """Mean and largest difference of responses, level aside, in decibels."""
    hertz = band_centres()
    gap = (response - wanted)[(hertz >= 40) & (hertz <= 16_000)]
    gap = np.abs(gap - gap.mean())
    return float(gap.mean()), float(gap.max())


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("effects", nargs="+")
    parser.add_argument("--items", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--songs", nargs="*", default=[])
    options = parser.parse_args()
    songs = [read_audio(p, frames=int(SECONDS * RATE))[0] for p in options.songs]
    print("| effect | levers | knobs | noise: mean, largest | music: mean, largest | songs |")
    print("|---|---|---|---|---|---|")
    for uri in options.effects:
        try:
            effect = open_effect(uri)
            probe = probe_eq(effect)
        except DialinError as error:
            print(f"| {uri} | {error} |")
            continue
        if not probe.equaliser:
            print(f"| {uri} | no equaliser |")
            continue
        rng, ear, hertz = np.random.default_rng(options.seed), Responder(effect), band_centres()
        weight = np.where((hertz >= 40) & (hertz <= 16_000), 1.0, 0.02)
        rows: dict[str, list[tuple[float, float]]] = {"noise": [], "music": [], "songs": []}
        for number in range(options.items):
            known = effect.spec.check(known_settings(probe, rng))
            response = ear.decibels(known)
            centred = response - np.average(response, weights=weight)
            solution = solve_effect(
                effect, EqTarget(hertz, centred, weight, 0.0), RATE, max_eq=24.0
            )
            assert solution is not None
            rows["noise"].append(errors(ear.decibels(solution[0]), response))
            if len(songs) > 1:
                one, two = (songs[(number + k) % len(songs)] for k in (0, 1))
                spectra = [
                    song_spectra(measure_song(x, RATE)).middle
                    for x in (one, two, effect.process(two, RATE, known))
                ]
                target = eq_target(spectra[0], spectra[2], nyquist=RATE / 2, max_eq=24.0)
                solution = solve_effect(effect, target, RATE, max_eq=24.0)
                assert solution is not None
                rows["music"].append(errors(ear.decibels(solution[0]), response))
                apart = eq_target(spectra[0], spectra[1], nyquist=RATE / 2, max_eq=60.0)
                rows["songs"].append(errors(apart.wanted, np.zeros(hertz.size)))
        cells = [
            f"{np.mean([m for m, _ in pairs]):.2f}, {np.max([x for _, x in pairs]):.2f}"
            if pairs
            else ""
            for pairs in rows.values()
        ]
        knobs = f"{len(probe.knobs)} of {effect.spec.size}"
        print(f"| {uri} | {len(probe.levers)} | {knobs} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
