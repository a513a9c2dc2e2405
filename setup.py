"""The optional compiled kernels of dialin.timbre; everything else stands in pyproject.toml."""

import sys

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "dialin.timbre._native",
            [f"src/dialin/timbre/{name}.c" for name in ("_native", "_spectra", "_percussion")],
            depends=["src/dialin/timbre/_native.h", "src/dialin/timbre/_transform.h"],
            py_limited_api=True,
            extra_compile_args=[] if sys.platform == "win32" else ["-O3", "-fno-math-errno"],
            # Without a compiler the pure NumPy/SciPy twins give the same values, slower.
            optional=True,
        )
    ]
)
