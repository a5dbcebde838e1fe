#!/usr/bin/env bash
# Counts the instructions of fixed work and compares them with benches/instructions.txt: benches/instructions.sh [--write].
# Two minutes at most once all is built; other work on the machine does not change the counts. As root on Debian it installs
# what it needs. SHIPPER_BINARY=path counts that program instead.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    missing=()
    for package in valgrind systemd-journal-remote; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    if [ "${#missing[@]}" -gt 0 ]; then
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "${missing[@]}"
    fi
fi
cargo build --release --locked --bench whole
if [ -z "${SHIPPER_BINARY:-}" ]; then
    # Alone, and kept beside: built together with a benchmark, the program has the features that tests turn on in its libraries.
    cargo build --release --locked --bin shipper
    release="${CARGO_TARGET_DIR:-target}/release"
    cp "$release/shipper" "$release/shipper-counted"
    SHIPPER_BINARY="$(realpath "$release/shipper-counted")"
    export SHIPPER_BINARY
fi
cargo bench --locked --bench whole -- instructions "$@"
