#!/usr/bin/env bash
# Runs every `sh` block of README.md as it stands there, in order: a fresh clone, a real journal, a real InfluxDB.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
influxd_pid=
cleanup() {
    [ -z "$influxd_pid" ] || kill "$influxd_pid" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

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
query() { curl -sS --fail -G "http://127.0.0.1:$port/query" --data-urlencode "db=ollama" --data-urlencode "q=$1"; }
for _ in $(seq 100); do
    curl -s "http://127.0.0.1:$port/ping" && break
    sleep 0.1
done
query "CREATE DATABASE ollama" >/dev/null

entries=500
cargo run --quiet --locked -p support --bin journal-fixture -- "$work/journal" "$entries"

export DESTDIR="$work/root"
export PATH="$DESTDIR/usr/local/bin:$PATH"
export INFLUXDB_API=v1 INFLUXDB_URL="http://127.0.0.1:$port" INFLUXDB_BUCKET=ollama
export SHIPPER_JOURNAL_DIR="$work/journal" SHIPPER_SPOOL_DIR="$work/spool" SHIPPER_CONTROL_SOCKET="$work/control.sock"

points() { query "SELECT count(message) FROM ollama_logs" | grep -o '[0-9]*\]\]' | tr -d ']'; }

run=0
while IFS= read -r command; do
    case $command in
    "") continue ;;
    tests/all.sh)
        grep -q 'exec tests/all.sh' .ci/run
        continue
        ;;
    esac
    printf '\n$ %s\n' "$command"
    bash -euo pipefail -c "$command"
    run=$((run + 1))
done < <(awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' README.md)

found=$(points)
[ "$found" = "$entries" ] || { echo "expected $entries points, InfluxDB has $found"; exit 1; }
shipper replay
# Sent again, the entries change nothing.
shipper run --once
found=$(points)
[ "$found" = "$entries" ] || { echo "after the replay: expected $entries points, InfluxDB has $found"; exit 1; }
echo
echo "README: $run passed, 0 failed"
