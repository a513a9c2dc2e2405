#!/bin/sh
# Install the freely licensed plugins that the tests use, where apt can. Elsewhere the tests that
# need a missing plugin are skipped and say so (with DIALIN_REQUIRE_PLUGINS=1 they fail instead).
set -u
packages="$(grep -v '^#' "$(dirname "$0")/test-plugins.txt")"

if ! command -v apt-get >/dev/null 2>&1; then
    echo "no apt here: tests of plugins that are not installed will be skipped"
    exit 0
fi
missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
        missing="$missing $package"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo"
else
    echo "not root: tests of these plugins will be skipped; to have them: apt install$missing"
    exit 0
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
$as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null || {
    echo "could not install$missing"
    [ "${DIALIN_REQUIRE_PLUGINS:-0}" = 1 ] && exit 1
    exit 0
}
