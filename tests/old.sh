#!/usr/bin/env bash
# Version 0.1: builds it from the project's history, once, and prints where it is kept: as shipper-COMMIT, beside shipper-COMMIT.tree
# with its install.sh and what that installs. Exits 1, and says why, where that cannot be done.
set -euo pipefail
cd "$(dirname "$0")/.."

commit=9c09830
old=$PWD/target/0.1/shipper-$commit
if [ ! -x "$old" ] || [ ! -d "$old.tree" ]; then
    if ! git cat-file -e "$commit^{commit}" 2>/dev/null; then
        git fetch --quiet --unshallow 2>/dev/null || true
    fi
    if ! git cat-file -e "$commit^{commit}" 2>/dev/null; then
        echo "version 0.1 cannot be built: commit $commit is not in this clone, and git fetch --unshallow does not bring it" >&2
        exit 1
    fi
    mkdir -p "$old.tree"
    git archive "$commit" install.sh README.md config.env.example deploy | tar -x -C "$old.tree"
fi
if [ ! -x "$old" ]; then
    echo "building version 0.1 from commit $commit" >&2
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    git archive "$commit" | tar -x -C "$work"
    # Quickly built rather than quick.
    (cd "$work" && CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=$work/target cargo build --quiet --bin shipper --locked \
        --config 'profile.dev.package."*".opt-level=0')
    mv "$work/target/debug/shipper" "$old"
    echo "built in ${SECONDS} s" >&2
fi
"$old" --version | grep -qx 'shipper 0\.1\.0' || { echo "$old is not version 0.1" >&2 && exit 1; }
echo "$old"
