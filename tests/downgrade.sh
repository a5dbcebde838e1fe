#!/usr/bin/env bash
# Version 0.1, started on a spool of the present format, stops before it touches anything: it is built from the project's history,
# run on a spool that was closed and on one that a crash left, and every file is compared. Then the present version goes on.
#
#   tests/downgrade.sh [--binary FILE]    FILE: the present version, default target/debug/shipper, built if it is not given
set -euo pipefail
cd "$(dirname "$0")/.."

binary=
while [ $# -gt 0 ]; do
    case $1 in
    --binary) binary=${2:?--binary FILE} && shift 2 ;;
    *) echo "usage: $0 [--binary FILE]" >&2 && exit 2 ;;
    esac
done

work=$(mktemp -d)
influxd_pid=
service_pid=
cleanup() {
    for pid in $service_pid $influxd_pid; do
        kill "$pid" 2>/dev/null || true
    done
    wait || true
    rm -rf "$work"
}
trap cleanup EXIT

passed=0
failed=0
check() { # WHAT COMMAND…
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what" >&2
    fi
}

wait_until() { # WHAT COMMAND…, for at most a minute
    local what=$1
    shift
    for _ in $(seq 600); do
        if "$@"; then return; fi
        sleep 0.1
    done
    echo "gave up waiting until $what" >&2
    exit 1
}

old=$(tests/old.sh)

if [ -z "$binary" ]; then
    cargo build --quiet --locked --bin shipper
    binary=${CARGO_TARGET_DIR:-target}/debug/shipper
fi
binary=$(realpath "$binary")

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free_port)
cat >"$work/influxdb.conf" <<CONF
reporting-disabled = true
bind-address = "127.0.0.1:$(free_port)"
[meta]
dir = "$work/meta"
[data]
dir = "$work/data"
wal-dir = "$work/wal"
max-values-per-tag = 0
[http]
bind-address = "127.0.0.1:$port"
log-enabled = false
CONF
influxd -config "$work/influxdb.conf" >"$work/influxd.log" 2>&1 &
influxd_pid=$!
answers() { curl -s "http://127.0.0.1:$port/ping"; }
wait_until "influxd answers" answers
query() { curl -sS --fail -G "http://127.0.0.1:$port/query" --data-urlencode "db=ollama" --data-urlencode "q=$1"; }
query "CREATE DATABASE ollama" >/dev/null
# A run adds one snapshot of the models, so all points are compared without them.
points() { query "SELECT count(message) FROM ollama_logs" | { grep -o '[0-9]*\]\]' || echo 0; } | tr -d ']'; }

# A configuration with which either version would work.
export INFLUXDB_API=v1 INFLUXDB_URL="http://127.0.0.1:$port" INFLUXDB_BUCKET=ollama
export SHIPPER_JOURNAL_DIR="$work/journal" SHIPPER_CONTROL_SOCKET="$work/control.sock" SHIPPER_LOOKBACK=3650d OLLAMA_MODELS="$work"
export SHIPPER_SPOOL_DIR="$work/spool"
: >"$work/config.env"
new() { "$binary" --config "$work/config.env" "$@"; }
pending() { new spool stats --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["spool"]["ledger"]["pending"])'; }

# Everything there is to know of the spool's files.
listing() {
    find "$SHIPPER_SPOOL_DIR" -printf '%P %y %m %s %T@\n' | sort
    find "$SHIPPER_SPOOL_DIR" -type f -exec sha256sum {} + | sort
}

stops() { # Version 0.1 with ARGUMENTS fails, in time and with a word about it.
    local code=0
    timeout 60 "$old" --config "$work/config.env" "$@" >"$work/said" 2>&1 || code=$?
    [ "$code" = 1 ] && [ -s "$work/said" ] && return
    echo "0.1 $*: exit $code: $(cat "$work/said")" >&2
    return 1
}

untouched() { # Version 0.1 leaves a spool that is in STATE as it is.
    local state=$1 arguments
    listing >"$work/before"
    for arguments in "run --once" "run" "spool stats" "spool ls" "spool verify --repair" "replay" "quarantine drop --all"; do
        # The words are one each.
        # shellcheck disable=SC2086
        check "0.1 stops with \`$arguments\` on a spool that $state" stops $arguments
        listing >"$work/after"
        check "\`$arguments\` leaves a spool that $state as it is" diff "$work/before" "$work/after"
    done
}

entries=500
cargo run --quiet --locked -p support --bin journal-fixture -- "$work/journal" "$entries"

check "the present version starts" new run --once 2>/dev/null
check "it delivers" [ "$(points)" = "$entries" ]
new replay >/dev/null
untouched "was closed"

# What is appended after the last look at the disk, as a crash leaves it.
INFLUXDB_URL="http://127.0.0.1:$(free_port)" "$binary" --config "$work/config.env" run 2>/dev/null &
service_pid=$!
has_read() { [ -S "$SHIPPER_CONTROL_SOCKET" ] && [ "$(pending)" -gt "$entries" ]; }
wait_until "the service is at work" has_read
kill -9 "$service_pid"
wait "$service_pid" 2>/dev/null || true
service_pid=
rm -f "$SHIPPER_CONTROL_SOCKET"
untouched "was left by a crash"

before=$(points)
check "0.1 has sent nothing" [ "$before" = "$entries" ]
check "the present version finds it sound" new spool verify >/dev/null 2>&1
check "the present version goes on" new run --once 2>/dev/null
check "everything is sent" [ "$(pending)" = 0 ]
check "nothing is lost or double" [ "$(points)" = "$entries" ]

echo "0.1 says: $(head -n 1 "$work/said")"
echo "downgrade: $passed passed, $failed failed"
[ "$failed" = 0 ]
