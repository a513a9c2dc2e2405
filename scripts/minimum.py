"""The oldest versions that pyproject.toml says dialin works with, as constraints for pip.

usage: python scripts/minimum.py [EXTRA ...] > minimum.txt
"""

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def minimum(extras: list[str]) -> list[str]:
    """Return ``name==version`` of each requirement, the extras' included."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    pins = {}
    for requirement in wanted:
        found = re.fullmatch(r"([A-Za-z0-9._-]+)>=([0-9][0-9a-z.]*)(,[<>!=].*)?", requirement)
        if found is None:
            raise SystemExit(f"{requirement!r} names no oldest version; write name>=version")
        pins[found[1]] = found[2]
    return [f"{name}=={version}" for name, version in sorted(pins.items())]


if __name__ == "__main__":
    print("\n".join(minimum(sys.argv[1:])))
