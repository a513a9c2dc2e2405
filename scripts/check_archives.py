"""What a wheel and a source archive of dialin must hold, looked up in both.

usage: python scripts/check_archives.py dialin-*.whl dialin-*.tar.gz
"""

import sys
import tarfile
import zipfile

BOTH = (
    "recipes/controller/recipe.toml",
    "recipes/controller/README.md",
    "recipes/vae/debug.toml",
    "examples/audio/guitar-slide.flac",
    "examples/audio/LICENSES.md",
)
WHEEL = ("dialin/py.typed", "dialin/timbre/_native.c", *(f"dialin/{name}" for name in BOTH))
ARCHIVE = (
    *BOTH,
    "src/dialin/audio/_kernels.h",
    "src/dialin/audio/_lanes.h",
    "src/dialin/audio/_transform.h",
    "src/dialin/measures/_radix.h",
    "src/dialin/timbre/_percussion.c",
    "docs/index.md",
    "tests/test_public.py",
    "benchmarks/timbre.py",
    "scripts/check-wheel.sh",
    "Makefile",
    "CHANGELOG.md",
    "LICENSE",
    "constraints.txt",
    "mkdocs.yml",
)


def main() -> None:
    """Exit with what is missing."""
    wheel, archive = sys.argv[1:]
    with zipfile.ZipFile(wheel) as opened:
        there = set(opened.namelist())
    missing = [f"{name} in the wheel" for name in WHEEL if name not in there]
    with tarfile.open(archive) as opened:
        inside = {m.name.partition("/")[2] for m in opened.getmembers() if m.isfile()}
    missing += [f"{name} in the archive" for name in ARCHIVE if name not in inside]
    if missing:
        raise SystemExit(f"missing: {', '.join(missing)}")
    print(f"{len(there)} files in the wheel, {len(inside)} in the archive")


if __name__ == "__main__":
    main()
