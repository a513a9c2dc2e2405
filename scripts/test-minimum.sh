#!/bin/sh
# Installs dialin with the oldest versions of all it declares, and tries what most people use.
# usage: PYTHON=python3 sh scripts/test-minimum.sh
set -e
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
case $python in */*) python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python") ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

"$python" "$root/scripts/minimum.py" studio > "$work/minimum.txt"
cat "$work/minimum.txt"
"$python" -m venv "$work/try"
pip="$work/try/bin/python -m pip --quiet --disable-pip-version-check"
$pip install -c "$work/minimum.txt" "$root[studio]"
$pip install pytest hypothesis httpx pyloudnorm
cd "$work"
sh "$root/scripts/smoke.sh" "$work/try/bin" "$work"
# What reads and measures audio, runs in workers, and opens effects and presets.
cd "$root"
# A checkout's own code would be found first, and has no compiled kernels of these versions.
"$work/try/bin/python" -P -m pytest -q -p no:cacheprovider -o pythonpath="$root" \
    tests/workers/test_calls.py tests/rendering/test_block.py tests/presets tests/audio tests/measures
echo "dialin works with the oldest versions it declares"
