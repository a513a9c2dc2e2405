"""The optional compiled kernels; everything else stands in pyproject.toml."""

import sys

from setuptools import Extension, setup

KERNELS = {
    "dialin.timbre._native": [
        f"src/dialin/timbre/{name}.c" for name in ("_native", "_spectra", "_percussion")
    ],
    "dialin.measures._gaps": ["src/dialin/measures/_gaps.c"],
    "dialin.measures._style": ["src/dialin/measures/_style.c"],
    "dialin.measures._frames": ["src/dialin/measures/_frames.c"],
    "dialin.measures._rows": ["src/dialin/measures/_rows.c"],
    "dialin.audio._biquads": ["src/dialin/audio/_biquads.c"],
    "dialin.effects._builtins": ["src/dialin/effects/_builtins.c"],
}
HEADERS = [
    f"src/dialin/{name}.h"
    for name in ("audio/_kernels", "audio/_lanes", "audio/_transform", "measures/_radix")
]
OPTIONS = ["-O3", "-fno-math-errno"]
# Effects sound the same on every processor.
EXACT = ["-ffp-contract=off"]

setup(
    ext_modules=[
        Extension(
            name,
            sources,
            depends=HEADERS,
            py_limited_api=True,
            libraries=[] if sys.platform == "win32" else ["m"],
            extra_compile_args=[]
            if sys.platform == "win32"
            else [*OPTIONS, *(EXACT if name.startswith("dialin.effects.") else [])],
            # Without a compiler the twins in NumPy, SciPy and torch give the same values, slower.
            optional=True,
        )
        for name, sources in KERNELS.items()
    ],
    options={
        # One wheel for 3.11 and everything newer, as the extension is (PEP 384).
        "bdist_wheel": {"py_limited_api": "cp311"},
        # As many compilers side by side as there are processors.
        "build_ext": {"parallel": True},
    },
)
