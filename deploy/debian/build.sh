#!/bin/sh
# Builds the Debian package with dpkg-deb and prints its path:
#
#   deploy/debian/build.sh [--no-build] [--output DIRECTORY]
#
# --no-build   the package is made of the release build that is there
set -eu
cd "$(dirname "$0")/../.."
umask 022

build=yes
output=${CARGO_TARGET_DIR:-target}/debian
while [ $# -gt 0 ]; do
    case $1 in
    --no-build) build=no ;;
    --output)
        output=$2
        shift
        ;;
    *)
        echo "build.sh: unknown argument $1" >&2
        exit 2
        ;;
    esac
    shift
done
[ "$build" = no ] || cargo build --release --locked
shipper=${CARGO_TARGET_DIR:-target}/release/shipper

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
package=$work/package
chmod 0755 "$work"

# put MODE PATH FILE...: files of the package.
put() {
    mode=$1 path=$2
    shift 2
    install -d "$package/$path"
    install -m "$mode" -t "$package/$path" "$@"
}

# Completions and man pages are the binary's own.
put 0755 usr/bin "$shipper"
! command -v strip >/dev/null || strip --strip-unneeded "$package/usr/bin/shipper"
"$shipper" completions bash >"$work/shipper"
put 0644 usr/share/bash-completion/completions "$work/shipper"
"$shipper" completions zsh >"$work/_shipper"
put 0644 usr/share/zsh/vendor-completions "$work/_shipper"
"$shipper" completions fish >"$work/shipper.fish"
put 0644 usr/share/fish/vendor_completions.d "$work/shipper.fish"
"$shipper" man "$work/man"
gzip --best --no-name "$work"/man/*.1
put 0644 usr/share/man/man1 "$work"/man/*.1.gz
put 0755 usr/share/ollama-influxdb install.sh
put 0644 usr/share/ollama-influxdb config.env.example
put 0644 usr/share/ollama-influxdb/deploy deploy/*.in
put 0644 usr/share/doc/ollama-influxdb README.md config.env.example
cp LICENSE "$work/copyright"
put 0644 usr/share/doc/ollama-influxdb "$work/copyright"

# The only library is libc: from the version on that the newest of its symbols has.
libc=$(grep -ao 'GLIBC_[0-9.]*' "$shipper" | sed 's/GLIBC_//' | sort -uV | tail -n 1)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)-1
architecture=$(dpkg --print-architecture)
put 0755 DEBIAN deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm
size=$(du --summarize --block-size=1K --apparent-size "$package/usr" | cut -f 1)
sed -e "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@DEPENDS@/libc6 (>= $libc), libgcc-s1/; s/@SIZE@/$size/" \
    deploy/debian/control.in >"$work/control"
install -m 0644 "$work/control" "$package/DEBIAN/control"
(cd "$package" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$work/md5sums"
install -m 0644 "$work/md5sums" "$package/DEBIAN/md5sums"

mkdir -p "$output"
file=$output/ollama-influxdb_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz -z1 --build "$package" "$file" >/dev/null
echo "$file"
