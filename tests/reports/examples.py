"""Reports and tracks for pages of tests: as ``report.json`` has them, with what a test changes."""

import numpy as np

from dialin.reports import SavedReport, Track

RATE = 44_100


def tone(frequency, seconds=2.0, rate=RATE, level=0.3, channels=1):
    time = np.arange(round(seconds * rate)) / rate
    wave = level * np.sin(2 * np.pi * frequency * time)
    return np.repeat(wave[np.newaxis], channels, axis=0).astype(np.float32)


def sound(name, **changes):
    return {
        "name": name, "sample_rate": RATE, "channels": 1, "seconds": 2.0,
        "loudness_lufs": -14.2, "peak_dbfs": -3.0, "crest_db": 12.0, "weight": 1.0,
    } | changes  # fmt: skip


def knob(name="Drive", **changes):
    return {
        "id": "drive", "name": name, "unit": "dB", "before": 10.0, "after": 37.5,
        "before_position": 0.2, "after_position": 0.75, "before_text": "10 dB",
        "after_text": "37.5 dB", "locked": True, "dead": False,
    } | changes  # fmt: skip


def slot(name="Dist", used=True, **changes):
    reason = "" if used else "it did not help"
    return {
        "slot": name.lower(), "uri": f"builtin:{name.lower()}", "name": name, "used": used,
        "reason": reason, "knobs": [knob()],
    } | changes  # fmt: skip


def aspect(name, before, after, weight=0.25):
    return {"name": name, "weight": weight, "before": before, "after": after}


def facts(**changes):
    return {
        "version": "0.1.0",
        "amount": 100.0,
        "before": 1.0,
        "after": 0.4,
        "input": sound("dry.wav"),
        "output": sound("dry.wav"),
        "references": [sound("reference.wav")],
        "aspects": [aspect("tone", 1.6, 1.2), aspect("level", 0.0, 0.3)],
        "slots": [slot(), slot("Verb", used=False)],
        "notes": ["it clips by 2.1 dB"],
        "command": "dialin match dry.wav reference.wav -o out",
        "seed": 7, "budget": 100, "renders": 98, "failures": 0, "seconds": 2.0, "models": [],
        "native": [],
        "rendered": {
            "source": "dry.wav", "target": "out/dry.wav", "seconds": 2.0, "sample_rate": RATE,
            "channels": 1, "subtype": "PCM_16", "peak_dbfs": -1.0, "rms_dbfs": -14.0,
            "gain_db": 0.0,
        },
    } | changes  # fmt: skip


def left_alone(**changes):
    """Facts of a match that found nothing surely better, with its nearest candidate."""
    nearest = {
        "after": 0.9,
        "aspects": [aspect("tone", 1.6, 1.1), aspect("space", 1.1, 0.5)],
        "slots": [
            slot("Echo", knobs=[knob("Time", after_text="310 ms")]),
            slot("Verb", used=False),
        ],
        "reason": "it takes away 0.10 of the distance; 0.15 is what would be sure",
        "evidence": ["echoes at 310 ms stand out of the reference"],
        "rendered": {},
    }
    out = [slot("Echo", used=False), slot("Verb", used=False)]
    return facts(after=1.0, slots=out, sure=False, nearest=nearest) | changes


def tracks(**changes):
    audio = {"input": tone(220), "matched": tone(440), "reference": tone(880)} | changes
    return [
        Track(kind, f"{kind}.wav", sound, RATE)
        for kind, sound in audio.items()
        if sound is not None
    ]


def report(**changes):
    """`facts` as a page takes them."""
    return SavedReport.from_dict(facts(**changes))


def report_alone(**changes):
    """`left_alone` as a page takes it."""
    return SavedReport.from_dict(left_alone(**changes))
