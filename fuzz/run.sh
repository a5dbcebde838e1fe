#!/bin/sh
# Fuzzes one target on the stable toolchain, without cargo-fuzz: fuzz/run.sh TARGET SECONDS, or builds all: fuzz/run.sh --build
# The targets are fuzz/fuzz_targets/*.rs; what they find stays in fuzz/artifacts, what they learn in fuzz/corpus. Some begin with fuzz/seeds.
set -eu
usage="usage: fuzz/run.sh TARGET SECONDS, or --build"
target=${1:?$usage}
cd "$(dirname "$0")"
triple=x86_64-unknown-linux-gnu
case $target in
--build) set -- --bins ;;
*)
    seconds=${2:?$usage}
    set -- --bin "$target"
    ;;
esac
# --target keeps the coverage flags away from build scripts and procedural macros.
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table" \
    cargo build --quiet --release --target "$triple" "$@"
[ "$target" != --build ] || exit 0
mkdir -p "corpus/$target" "artifacts/$target"
# Wherever the caller's environment or configuration puts what is built.
built=$(cargo metadata --quiet --offline --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
set --
[ ! -d "seeds/$target" ] || set -- "seeds/$target"
exec "$built/$triple/release/$target" "corpus/$target" "$@" \
    -artifact_prefix="artifacts/$target/" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1
