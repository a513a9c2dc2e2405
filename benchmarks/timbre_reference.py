"""Run AudioCommons timbral_models, unmodified, in its own environment; see timbre.py.

Reads paths, one a line; prints one JSON object a clip: values, and CPU seconds of each attribute.
"""

import contextlib
import json
import os
import sys
import time
import warnings

warnings.simplefilter("ignore")

import librosa  # noqa: E402
import soundfile  # noqa: E402
import timbral_models  # noqa: E402

NAMES = {
    "hardness": timbral_models.timbral_hardness,
    "depth": timbral_models.timbral_depth,
    "brightness": timbral_models.timbral_brightness,
    "roughness": timbral_models.timbral_roughness,
    "warmth": timbral_models.timbral_warmth,
    "sharpness": timbral_models.timbral_sharpness,
    "boominess": timbral_models.timbral_booming,
    "reverb": timbral_models.timbral_reverb,
}


def run(audio, rate):
    """Values, CPU seconds and errors of all attributes."""
    values, seconds, errors = {}, {}, {}
    for name, function in NAMES.items():
        start = time.process_time()
        try:
            if name == "reverb":
                values["rt60"] = float(function(audio, fs=rate, dev_output=True)[0])
            else:
                values[name] = float(function(audio, fs=rate))
        except Exception as error:
            errors[name] = f"{type(error).__name__}: {error}"[:120]
        seconds[name] = time.process_time() - start
    return {"values": values, "seconds": seconds, "errors": errors}


def main():
    """Answer on the real stdout, whatever the models print."""
    answer = os.fdopen(os.dup(1), "w")
    with contextlib.redirect_stdout(sys.stderr):
        paths = [line.strip() for line in sys.stdin if line.strip()]
        audio, rate = soundfile.read(paths[0])
        run(audio, rate)  # compiles numba's functions
        for path in paths:
            audio, rate = soundfile.read(path)
            result = {"path": path, "rate": rate, **run(audio, rate)}
            # It sets the level itself, so that gain should change nothing.
            with contextlib.suppress(Exception):
                result["quieter_depth"] = float(timbral_models.timbral_depth(0.7 * audio, fs=rate))
            if rate > 44_100:
                lower = librosa.resample(audio.T, orig_sr=rate, target_sr=44_100).T
                result["at_44100"] = run(lower, 44_100)
            answer.write(json.dumps(result) + "\n")
            answer.flush()


if __name__ == "__main__":
    main()
