#!/usr/bin/env bash
# Every check of the project, from nothing: what .ci/run runs, and what to run before a commit.
# As root on Debian it installs the packages that the real parts need; otherwise they must be there.
set -euo pipefail
cd "$(dirname "$0")/.."

# Wherever the caller's environment puts what is built.
built=$(realpath -m "${CARGO_TARGET_DIR:-target}")

step() { printf '\n=== %d:%02d %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }
loud() { printf '\n*** %s ***\n\n' "$*"; }

step "Debian packages: a real journal, a real InfluxDB"
# systemd: journalctl; g++: the fuzzing runtime; strace: system calls that fail; valgrind: instructions counted.
packages=(systemd systemd-journal-remote influxdb g++ shellcheck curl python3-minimal systemd-container debootstrap sudo strace valgrind)
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    missing=()
    for package in "${packages[@]}"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    if [ "${#missing[@]}" -gt 0 ]; then
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "${missing[@]}"
    fi
else
    loud "not root on Debian: these packages must be installed already: ${packages[*]}"
fi

# Tests mostly wait: what is needed later is built beside them, one after the other.
beside_dir=$(mktemp -d)
trap 'jobs -p | xargs -r kill 2>/dev/null || true; rm -rf "$beside_dir"' EXIT
declare -A beside_pids=()
beside() { # NAME COMMAND…
    local name=$1
    shift
    flock -F "$beside_dir/turn" nice "$@" >"$beside_dir/$name" 2>&1 &
    beside_pids[$name]=$!
}
need() { # NAME
    wait "${beside_pids[$1]}" && return
    cat "$beside_dir/$1"
    return 1
}
# The image of the host under test waits for the network and the disk itself.
if [ "$(id -u)" = 0 ] && command -v debootstrap >/dev/null; then tests/host/image.sh >/dev/null 2>&1 & fi

step "format"
cargo fmt --all --check
(cd fuzz && cargo fmt --check)

step "shell scripts"
shellcheck install.sh benches/*.sh deploy/debian/{build.sh,postinst,postrm,prerm} tests/*.sh tests/host/*.sh tests/host/steps/*.sh fuzz/*.sh .ci/run

step "clippy, warnings are errors"
cargo clippy --workspace --locked -- -D warnings
# Tests may unwrap, and are reached by nobody but their runner.
cargo clippy --workspace --all-targets --locked -- -D warnings -A clippy::unwrap_used -A clippy::expect_used \
    -A clippy::panic -A clippy::cast_possible_truncation -A clippy::cast_sign_loss -A clippy::allow_attributes \
    -A unreachable_pub -A missing_docs

beside release cargo build --release --locked
beside deny sh -c "command -v cargo-deny || cargo install cargo-deny --debug --locked --quiet"
beside fuzz fuzz/run.sh --build
beside old tests/old.sh

step "tests"
# INSIGHT_LIVES=N plays so many long lives of each version of Ollama beside, INSIGHT_SEED=N those of a failure that said so.
cargo test --workspace --lib --bins --tests --locked --no-fail-fast

step "documentation and its examples"
cargo test --workspace --doc --locked
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

step "dependencies: licences, bans, sources, advisories"
need deny
cargo deny --locked check bans licenses sources
# The advisory database is a git repository of its own, which not every machine reaches.
if cargo deny --locked fetch db 2>/dev/null; then
    cargo deny --locked check advisories
else
    loud "SKIPPED: the advisory database cannot be fetched here; its exceptions stand in deny.toml"
fi

step "fuzzing, a short run of every target"
need fuzz
for target in fuzz/fuzz_targets/*.rs; do
    fuzz/run.sh "$(basename "$target" .rs)" "${FUZZ_SECONDS:-4}"
done

step "the service on a real host"
need release
tests/host/run.sh --binary "$built/release/shipper"

step "version 0.1 stops on a spool of this format"
tests/downgrade.sh --binary "$built/release/shipper"

step "instructions, beside those of the record"
SHIPPER_BINARY="$built/release/shipper" cargo bench --profile dev --locked --bench whole -- instructions

step "speed, beside journalctl reading alone"
SHIPPER_BINARY="$built/release/shipper" cargo bench --profile dev --locked --bench whole -- check

step "the README's commands"
tests/readme.sh

step "all checks passed"
