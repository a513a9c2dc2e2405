#!/bin/sh
# What an installed dialin must be able to do. usage: sh scripts/smoke.sh BIN FOLDER
set -e
bin=$1
work=$2
"$bin/dialin" --version
"$bin/dialin" --help > "$work/help"
"$bin/dialin" match --help > "$work/help"
"$bin/dialin" recipes list
"$bin/dialin" recipes copy controller -o "$work/mine"
"$bin/python" -c "from dialin.timbre import COMPILED; print('compiled kernels:', COMPILED)"
"$bin/dialin" effects list > "$work/effects"
"$bin/dialin" demo -o "$work/demo" --budget 12 --quiet
test -f "$work/demo/report.html"
"$bin/dialin" timbre "$work/demo/guitar-slide.flac"
"$bin/dialin" apply "$work/demo/preset.json" "$work/demo/guitar-slide.flac" -o "$work/applied" --quiet
test -f "$work/applied/guitar-slide.flac"
