#!/bin/sh
# Installs shipper as the systemd service Ollama_InfluxDB, run by the user that runs Ollama.
#
#   install.sh [--binary FILE]
#
# --binary FILE  install this executable instead of building one with cargo
#
# DESTDIR is put before every path, for packages and tests; nothing is started then. An existing configuration is kept.
set -eu

UNIT=Ollama_InfluxDB.service
CONFIG=/etc/ollama-influxdb/config.env
BINARY=/usr/local/bin/shipper
DOCS=/usr/local/share/doc/ollama-influxdb
DESTDIR=${DESTDIR:-}
source_dir=$(cd "$(dirname "$0")" && pwd)

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

built=
while [ $# -gt 0 ]; do
    case $1 in
    --binary)
        [ $# -ge 2 ] || fail "--binary takes a file"
        built=$2
        shift 2
        ;;
    -h | --help)
        sed -n '2,8s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) fail "unknown argument $1; see --help" ;;
    esac
done

[ -n "$DESTDIR" ] || [ "$(id -u)" -eq 0 ] || fail "run it as root: it writes to /etc and /usr/local"

if [ -z "$built" ]; then
    command -v cargo >/dev/null || fail "cargo is not installed: install Rust, or pass --binary FILE; nothing was changed"
    (cd "$source_dir" && cargo build --release --locked)
    built=$source_dir/target/release/shipper
fi
[ -x "$built" ] || fail "$built is not an executable; nothing was changed"

# The user whose models are listed is the user that runs Ollama.
user=
if command -v systemctl >/dev/null; then
    user=$(systemctl show --property=User --value ollama.service 2>/dev/null || true)
fi
if [ -z "$user" ] && id ollama >/dev/null 2>&1; then user=ollama; fi
if [ -z "$user" ]; then user=root; fi
group=$(id -gn "$user") || fail "ollama.service runs as $user, who does not exist; nothing was changed"

install -D -m 0755 "$built" "$DESTDIR$BINARY"
install -D -m 0644 "$source_dir/README.md" "$DESTDIR$DOCS/README.md"
if [ -e "$DESTDIR$CONFIG" ]; then
    echo "kept $CONFIG"
else
    install -D -m 0640 "$source_dir/config.env.example" "$DESTDIR$CONFIG"
    if [ -z "$DESTDIR" ]; then chgrp "$group" "$CONFIG"; fi
fi
mkdir -p "$DESTDIR/etc/systemd/system"
sed -e "s|@USER@|$user|; s|@GROUP@|$group|; s|@BINARY@|$BINARY|" \
    "$source_dir/deploy/$UNIT.in" >"$DESTDIR/etc/systemd/system/$UNIT"
chmod 0644 "$DESTDIR/etc/systemd/system/$UNIT"

echo "installed $UNIT for user $user"
echo "next: fill in the four INFLUXDB_ keys of $CONFIG, then: systemctl enable --now $UNIT"
if [ -z "$DESTDIR" ]; then systemctl daemon-reload; fi
