#!/bin/sh
# Builds the Debian package and prints its path: deploy/debian/build.sh [cargo-deb options]. Needs cargo-deb.
# With --no-build the package is made of the release build that is there.
set -eu
cd "$(dirname "$0")/../.."
command -v cargo-deb >/dev/null || cargo install cargo-deb --locked --quiet
case " $* " in
*" --no-build "*) ;;
*)
    cargo build --release --locked
    set -- --no-build "$@"
    ;;
esac

# Completions and man pages are the binary's own; Cargo.toml says where they go.
built=${CARGO_TARGET_DIR:-target}/release
rm -rf "$built/package"
mkdir -p "$built/package"
for shell in bash zsh fish; do "$built/shipper" completions "$shell" >"$built/package/shipper.$shell"; done
"$built/shipper" man "$built/package/man"
gzip --best --no-name "$built"/package/man/*.1
cargo deb --locked "$@"
