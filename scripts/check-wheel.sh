#!/bin/sh
# Builds the source archive, the wheel out of it, and tries both outside of this tree.
# usage: PYTHON=python3 sh scripts/check-wheel.sh [FOLDER]   (dist/ by default)
set -e
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
case $python in */*) python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python") ;; esac
out=${1:-$root/dist}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

"$python" -m venv "$work/build"
"$work/build/bin/python" -m pip install --quiet --disable-pip-version-check build
rm -f "$out"/dialin-*.whl "$out"/dialin-*.tar.gz
# The wheel is built out of the archive, so whatever that lacks is missed here.
"$work/build/bin/python" -m build --outdir "$out" "$root"

cd "$work"
wheel=$(ls "$out"/dialin-*.whl)
archive=$(ls "$out"/dialin-*.tar.gz)
case $wheel in
*-cp311-abi3-*) ;;
*-py3-none-any.whl) echo "note: no C compiler here, so the wheel has no compiled kernels" ;;
*) echo "the wheel is tagged wrongly: $wheel"; exit 1 ;;
esac
"$python" "$root/scripts/check_archives.py" "$wheel" "$archive"

"$python" -m venv "$work/try"
"$work/try/bin/python" -m pip install --quiet --disable-pip-version-check \
    -c "$root/constraints.txt" "$wheel"
"$work/try/bin/dialin" --version
"$work/try/bin/dialin" recipes list
"$work/try/bin/dialin" recipes copy controller -o "$work/mine"
"$work/try/bin/python" -c "from dialin.timbre import COMPILED; print('compiled kernels:', COMPILED)"
"$work/try/bin/dialin" demo -o "$work/demo" --budget 12 --quiet
test -f "$work/demo/report.html"
echo "wheel and archive work: $out"
