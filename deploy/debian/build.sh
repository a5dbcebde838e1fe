#!/bin/sh
# Builds the Debian package and prints its path: deploy/debian/build.sh [cargo-deb options]. Needs cargo-deb.
set -eu
cd "$(dirname "$0")/../.."
command -v cargo-deb >/dev/null || cargo install cargo-deb --locked --quiet
cargo deb --locked "$@"
