# shellcheck shell=bash
# Ollama and shipper on the host under test. Sourced by run.sh after server.sh.

service=Ollama_InfluxDB.service
installer=/root/shipper/install.sh
package_binary=/root/shipper/shipper
state=/var/lib/ollama-influxdb

# load LINES_A_SECOND [RUN]: Ollama at work, in a run of its own.
load() {
    printf 'RATE=%s\nRUN=%s\n' "$1" "${2:-}" >"$root/etc/ollama-standin.env"
    inside systemctl restart ollama
}

idle() { inside systemctl stop ollama; }

# configure KEY=VALUE...: the operator's configuration: the server, waits short enough for a test, and these keys.
configure() {
    {
        cat <<KEYS
INFLUXDB_URL=http://influxdb.test:8086
INFLUXDB_TOKEN=$shipper_login
INFLUXDB_BUCKET=ollama
INFLUXDB_API=v1
SHIPPER_REQUEST_TIMEOUT=5s
SHIPPER_RETRY_MAX=2s
KEYS
        printf '%s\n' "$@"
    } >"$root/etc/ollama-influxdb/config.env"
}

# figure NAME: one number of `spool stats`, as delivered or reader.gaps.
figure() {
    inside shipper spool stats --json | python3 -c '
import json, sys
stats = json.load(sys.stdin)
value = {**stats["spool"], **stats["spool"]["ledger"], **(stats.get("service") or {})}
for part in sys.argv[1].split("."):
    value = value[part]
print(value)' "$1"
}

balanced() {
    inside shipper spool stats --json | python3 -c '
import json, sys
l = json.load(sys.stdin)["spool"]["ledger"]
sys.exit(0 if l["read"] == l["delivered"] + l["pending"] + l["quarantined"] + l["expired"] else f"the ledger is off: {l}")'
}

pending_at_least() { [ "$(figure pending)" -ge "$1" ]; }

nothing_pending() { [ "$(figure pending)" = 0 ]; }

# Lines of the newest run that InfluxDB has.
lines_of() { number "SELECT count(message) FROM ollama_logs WHERE message =~ /seq=$1-/"; }

has_lines_of() { [ "$(lines_of "$1")" -ge "${2:-1}" ]; }

milliseconds() { date +%s%3N; }

restarts() { inside systemctl show --property=NRestarts --value "$service"; }

main_pid() { inside systemctl show --property=MainPID --value "$service"; }
