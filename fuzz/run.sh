#!/bin/sh
# Fuzzes one target on the stable toolchain, without cargo-fuzz: fuzz/run.sh TARGET SECONDS
# The targets are fuzz/fuzz_targets/*.rs; what they find stays in fuzz/artifacts, what they learn in fuzz/corpus.
set -eu
target=${1:?usage: fuzz/run.sh TARGET SECONDS}
seconds=${2:?usage: fuzz/run.sh TARGET SECONDS}
cd "$(dirname "$0")"
triple=x86_64-unknown-linux-gnu
# --target keeps the coverage flags away from build scripts and procedural macros.
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table" \
    cargo build --quiet --release --target "$triple" --bin "$target"
mkdir -p "corpus/$target" "artifacts/$target"
exec "target/$triple/release/$target" "corpus/$target" \
    -artifact_prefix="artifacts/$target/" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1
