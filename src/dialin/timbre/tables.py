"""Published constants: the loudness tables and the regressions of the eight attributes.

Sources
-------
Loudness: ISO 532 B / DIN 45631 (1991), and the BASIC program of Zwicker, Fastl, Widmann, Kurakata,
Kuwano and Namba, "Program for calculating loudness according to DIN 45631 (ISO 532B)", J. Acoust.
Soc. Jpn. (E) 12 (1991). Free field; a digital RMS of 1.0 stands for 100 dB SPL.

Regressions: AudioCommons deliverable D5.8, "Release of timbral characterisation tools for
semantically annotating non-musical content" (2019).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]


def _table(*rows: object) -> Table:
    values = np.array(rows, dtype=np.float64)
    values.flags.writeable = False
    return values


RATE = 44_100
"""Rate in hertz at which every attribute is computed."""

LOUDNESS_TARGET = -24.0
"""Integrated loudness in LUFS to which a clip is brought first (reverb excepted)."""

RAP = _table(45, 55, 65, 71, 80, 90, 100, 120)
"""Level ranges of the low-frequency correction, dB."""

DLL = _table(
    (-32, -24, -16, -10, -5, 0, -7, -3, 0, -2, 0),
    (-29, -22, -15, -10, -4, 0, -7, -2, 0, -2, 0),
    (-27, -19, -14, -9, -4, 0, -6, -2, 0, -2, 0),
    (-25, -17, -12, -9, -3, 0, -5, -2, 0, -2, 0),
    (-23, -16, -11, -7, -3, 0, -4, -1, 0, -1, 0),
    (-20, -14, -10, -6, -3, 0, -4, -1, 0, -1, 0),
    (-18, -12, -9, -6, -2, 0, -3, -1, 0, -1, 0),
    (-15, -10, -8, -4, -2, 0, -3, -1, 0, -1, 0),
)
"""Correction of the eleven lowest third-octave bands in each level range, dB."""

LTQ = _table(30, 18, 12, 8, 7, 6, 5, 4, *[3] * 12)
"""Critical-band level at the threshold in quiet, dB."""

A0 = _table(*[0] * 10, -0.5, -1.6, -3.2, -5.4, -5.6, -4, -1.5, 2, 5, 12)
"""Transmission of the free field through outer and middle ear, dB."""

DCB = _table(
    *(-0.25, -0.6, -0.8, -0.8, -0.5, 0, 0.5, 1.1, 1.5, 1.7),
    *(1.8, 1.8, 1.7, 1.6, 1.4, 1.2, 0.8, 0.5, 0, -0.5),
)
"""From third-octave to critical-band level, dB."""

ZUP = _table(
    *(0.9, 1.8, 2.8, 3.5, 4.4, 5.4, 6.6, 7.9, 9.2, 10.6, 12.3),
    *(13.8, 15.2, 16.7, 18.1, 19.3, 20.6, 21.8, 22.7, 23.6, 24),
)
"""Upper limits of the approximated critical bands, Bark."""

RNS = _table(
    *(21.5, 18, 15.1, 11.5, 9, 6.1, 4.4, 3.1, 2.13),
    *(1.36, 0.82, 0.42, 0.3, 0.22, 0.15, 0.1, 0.035, 0),
)
"""Specific loudness above which each slope holds, sone/Bark."""

USL = _table(
    (13.0, 8.2, 6.3, 5.5, 5.5, 5.5, 5.5, 5.5),
    (9.0, 7.5, 6.0, 5.1, 4.5, 4.5, 4.5, 4.5),
    (7.8, 6.7, 5.6, 4.9, 4.4, 3.9, 3.9, 3.9),
    (6.2, 5.4, 4.6, 4.0, 3.5, 3.2, 3.2, 3.2),
    (4.5, 3.8, 3.6, 3.2, 2.9, 2.7, 2.7, 2.7),
    (3.7, 3.0, 2.8, 2.35, 2.2, 2.2, 2.2, 2.2),
    (2.9, 2.3, 2.1, 1.9, 1.8, 1.7, 1.7, 1.7),
    (2.4, 1.7, 1.5, 1.35, 1.3, 1.3, 1.3, 1.3),
    (1.95, 1.45, 1.3, 1.15, 1.1, 1.1, 1.1, 1.1),
    (1.5, 1.2, 0.94, 0.86, 0.82, 0.82, 0.82, 0.82),
    (0.72, 0.67, 0.64, 0.63, 0.62, 0.62, 0.62, 0.62),
    (0.59, 0.53, 0.51, 0.5, 0.42, 0.42, 0.42, 0.42),
    (0.4, 0.33, 0.26, 0.24, 0.24, 0.22, 0.22, 0.22),
    (0.27, 0.21, 0.2, 0.18, 0.17, 0.17, 0.17, 0.17),
    (0.16, 0.15, 0.14, 0.12, 0.11, 0.11, 0.11, 0.11),
    (0.12, 0.11, 0.1, 0.08, 0.08, 0.08, 0.08, 0.08),
    (0.09, 0.08, 0.07, 0.06, 0.06, 0.06, 0.06, 0.05),
    (0.06, 0.05, 0.03, 0.02, 0.02, 0.02, 0.02, 0.02),
)
"""Steepness of the upper slopes, sone/Bark per Bark: range of loudness by critical band."""

HARDNESS = _table(
    *(12.079781720638145, 18.52100377170042, 14.139883645260355, 5.567690321917516),
    *(3.9346817690405635, -4.326890461087848, -85.60352209068202),
)
"""Log bandwidth, log attack centroid, log midband loudness, log percussive share, log onset
strength, mean log attack time, constant."""

DEPTH = _table(
    *(-0.0043703565847874465, 32.83743202462131, 4.750862716905235, -14.217438690256062),
    *(3.8782339862813924, -0.8544826091735516, 66.69534393444391),
)
"""Lower centroid, lower ratio, log duration, log lowest peak, ratio x duration, sigmoid(ratio) x
duration, constant."""

BRIGHTNESS = _table(4.613128018020465, 17.378889309312974, 17.434733750553022)
"""Log ratio, log centroid, constant."""

ROUGHNESS = _table(13.98779569, 48.97606571545886)
"""Log mean roughness, constant."""

WARMTH = _table(
    *(-4.464258317026696, -0.08819320850778556, 0.29156539973575546, 17.274733561081554),
    *(8.403340066029507, 45.21212125085579),
)
"""Log centroid, loudness above 8 Bark, loudness of the warmth region, decay of the harmonics,
warmth ratio, constant."""

SHARPNESS = _table(102.50508921364404, 34.432655185001735)
"""Log sharpness in acum, constant."""

BOOMINESS = _table(43.67402696195865, -10.90054738389845, 26.836530575185435)
"""Log booming index, log low level, constant."""

REVERB = _table(2.97126461, -1.45082989)
"""RT60 in seconds and constant, through the logistic function."""
