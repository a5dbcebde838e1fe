#!/usr/bin/env bash
# Measures what the tag `msg_hash` costs on InfluxDB 1.x beside a field: benches/cardinality.sh [--lines N] [--rounds N] [--index inmem|tsi1].
#
# Writes N log lines (default 200,000) of one host over one day into a server of its own, once with the hash as a tag and once as a
# field, for both kinds of index unless one is asked for, and prints the table of docs/cardinality.md. A figure is the median of 5
# questions in each of N rounds (default 1). Only `ollama_logs` is written, as with SHIPPER_INSIGHT=off, in requests of 4 MiB with gzip.
# It takes four minutes on a quiet machine; 1,000,000 lines want 8 GiB of memory and some twenty minutes for each index. As root on Debian it installs influxdb; INFLUXD=path measures that program.
#
# Wall time depends on what else the machine does, the server's CPU time hardly: the load is printed beside.
set -euo pipefail

usage() {
    sed -n '2s/^# //p' "$0" >&2
    exit 2
}

lines=200000
rounds=1
indexes=(inmem tsi1)
while [ "$#" -gt 0 ]; do
    [ "$#" -ge 2 ] || usage
    case $1 in
    --lines) lines=$2 ;;
    --rounds) rounds=$2 ;;
    --index) indexes=("$2") ;;
    *) usage ;;
    esac
    shift 2
done
[[ $lines =~ ^[1-9][0-9]*$ && $rounds =~ ^[1-9][0-9]*$ && ${indexes[0]} =~ ^(inmem|tsi1)$ ]] || usage

influxd=${INFLUXD:-influxd}
if [ "$(id -u)" = 0 ] && ! command -v "$influxd" >/dev/null && command -v apt-get >/dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends influxdb curl python3-minimal
fi

work=$(mktemp -d)
server=
stop_server() {
    [ -n "$server" ] || return 0
    kill "$server" 2>/dev/null || true
    wait "$server" || true
    server=
}
cleanup() {
    stop_server
    rm -rf "$work"
}
trap cleanup EXIT

# --- What is written ------------------------------------------------------------------------------------------------------------

# The day is one of UTC, so that it lies in one shard.
day=$(date -u -d yesterday +%F)
begin=$(date -u -d "$day" +%s)
range="time >= '${day}T00:00:00Z' AND time < '${day}T00:00:00Z' + 24h"
last_hour="time >= '${day}T23:00:00Z' AND time < '${day}T00:00:00Z' + 24h"

# Bodies as the shipper's line protocol has them, tags in the order of their names. In python3-minimal.
generate() {
    python3 - "$lines" "$begin" "$work" <<'PYTHON'
import hashlib, random, sys, time

lines, begin, work = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
random.seed(1)
LIMIT = 4 << 20
STEP = 86_400_000_000 // lines


def message(number, second):
    kind = random.random()
    clock = time.strftime("%Y/%m/%d - %H:%M:%S", time.gmtime(second))
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    if kind < 0.55:
        route = random.choice(["/api/chat", "/api/generate", "/v1/chat/completions", "/api/embed"])
        status = random.choice([200] * 30 + [400, 404, 499, 500])
        return f'[GIN] {clock} | {status} | {random.random() * 30:12.9f}s |       10.0.0.{random.randrange(1, 40)} | POST     "{route}"'
    if kind < 0.9:
        slot, task = random.randrange(4), number // 20
        return random.choice([
            f"slot launch_slot_: id  {slot} | task {task} | processing task",
            f"slot update_slots: id  {slot} | task {task} | new prompt, n_ctx_slot = 8192, n_keep = 4, task.n_tokens = {random.randrange(8000)}",
            f"slot      release: id  {slot} | task {task} | stop processing: n_tokens = {random.randrange(8000)}, truncated = 0",
            "srv  update_slots: all slots are idle",
        ])
    if kind < 0.999:
        return f'time={stamp}.{random.randrange(1000):03}Z level=INFO source=server.go:1289 msg="llama runner started in {random.random() * 9:.2f} seconds" port={random.randrange(30000, 60000)}'
    return "CUDA error: out of memory"


class Bodies:
    def __init__(self, name):
        self.name, self.made, self.parts, self.size = name, 0, [], 0

    def add(self, line):
        if self.size + len(line) > LIMIT:
            self.write()
        self.parts.append(line)
        self.size += len(line)

    def write(self):
        with open(f"{work}/{self.name}-{self.made:05}.lp", "w") as body:
            body.write("".join(self.parts))
        self.made, self.parts, self.size = self.made + 1, [], 0


tag, field = Bodies("tag"), Bodies("field")
for number in range(lines):
    micros = begin * 1_000_000 + number * STEP
    text = message(number, micros // 1_000_000)
    digest = hashlib.sha256(f"{number}:{text}".encode()).hexdigest()
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    tag.add(f'ollama_logs,host=gpu-1,msg_hash={digest},source=systemd message="{text}" {micros}000\n')
    field.add(f'ollama_logs,host=gpu-1,source=systemd message="{text}",msg_hash="{digest}" {micros}000\n')
tag.write()
field.write()
PYTHON
    gzip -6 "$work"/*.lp
}

# --- The server -----------------------------------------------------------------------------------------------------------------

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# configure INDEX: an empty server. The cache goes to disk after ten seconds without a write, not ten minutes: so what is measured lies in files.
configure() {
    rm -rf "$work/server"
    mkdir "$work/server"
    port=$(free_port)
    cat >"$work/server/influxdb.conf" <<CONF
reporting-disabled = true
bind-address = "127.0.0.1:$(free_port)"
[meta]
  dir = "$work/server/meta"
[data]
  dir = "$work/server/data"
  wal-dir = "$work/server/wal"
  index-version = "$1"
  max-values-per-tag = 0
  max-series-per-database = 0
  cache-snapshot-write-cold-duration = "10s"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:$port"
  log-enabled = false
[monitor]
  store-enabled = false
CONF
}

# Until it answers: it listens when its shards are open.
start_server() {
    "$influxd" -config "$work/server/influxdb.conf" >>"$work/server/log" 2>&1 &
    server=$!
    until curl -s -o "$work/ping" "http://127.0.0.1:$port/ping"; do
        kill -0 "$server" || { tail "$work/server/log" >&2; exit 1; }
        sleep 0.05
    done
}

ask() { curl -sS --fail -H 'Accept: application/csv' "http://127.0.0.1:$port/query" --data-urlencode db=logs --data-urlencode "q=$1" "${@:2}"; }

# Milliseconds of user and system time that the server has had.
cpu() { awk -v tick="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000 / tick) }' "/proc/$server/stat"; }

mib() { awk -v name="$1:" '$1 == name { print int($2 / 1024) }' "/proc/$server/status"; }

now() { date +%s%3N; }

# disk NAME…: MiB that the directories of these names take under the data, in blocks: some files have holes.
disk() {
    local tests=(-name "$1") name
    for name in "${@:2}"; do tests+=(-o -name "$name"); done
    find "$work/server/data" -type d \( "${tests[@]}" \) -print0 | xargs -0 du -ck | awk 'END { printf "%.1f\n", $1 / 1024 }'
}

# --- Figures --------------------------------------------------------------------------------------------------------------------

# note ROW NUMBER: one figure of the column that is measured.
note() { printf '%s\t%s\t%s\n' "$column" "$1" "$2" >>"$work/figures"; }

# timed ROW COMMAND…: seconds of wall and of the server's CPU.
timed() {
    local row=$1 wall_before cpu_before
    shift
    wall_before=$(now)
    cpu_before=$(cpu)
    "$@"
    note "$row" "$(($(now) - wall_before))"
    note "$row, CPU" "$(($(cpu) - cpu_before))"
}

write_all() {
    local body
    for body in "$work/$1"-*.lp.gz; do
        curl -sS --fail -o "$work/written" -H 'Content-Encoding: gzip' --data-binary "@$body" "http://127.0.0.1:$port/write?db=logs&precision=ns"
    done
}

# Until nothing is left in the log of writes, which its segments being empty or gone shows.
wait_for_files() {
    local tries=0
    while [ "$(find "$work/server/wal" -name '*.wal' -size +0 | wc -l)" -gt 0 ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || { echo "the cache was not written within ten minutes" >&2; exit 1; }
        sleep 1
    done
}

# five ROW QUERY ROWS: a question, five times; the answer has so many rows, or any at all for `some`.
five() {
    local found
    for _ in 1 2 3 4 5; do
        timed "$1" ask "$2" -o "$work/answer"
        found=$(($(wc -l <"$work/answer") - 1))
        [ "$found" = "$3" ] || { [ "$3" = some ] && [ "$found" -gt 0 ]; } || { echo "$found rows for $2" >&2; exit 1; }
    done
}

drop_measurement() { ask "DROP MEASUREMENT ollama_logs" -o "$work/answer"; }

# measure LAYOUT INDEX: one round of one column.
measure() {
    local stored at_least
    column="$1, $2"
    at_least=$((lines < 100 ? lines : 100))
    configure "$2"
    start_server
    ask "CREATE DATABASE logs" -o "$work/answer"
    note "RSS before" "$(mib VmRSS)"
    timed "writing" write_all "$1"
    note "RSS after" "$(mib VmRSS)"
    note "RSS peak" "$(mib VmHWM)"
    wait_for_files
    note "disk" "$(disk data)"
    note "disk, index" "$(disk _series index)"
    stop_server
    local before
    before=$(now)
    start_server
    note "start" "$(($(now) - before))"
    note "RSS started" "$(mib VmRSS)"
    stored=$(ask "SELECT count(message) FROM ollama_logs" | awk -F , 'END { print $NF }')
    [ "$stored" = "$lines" ] || { echo "$stored lines are stored, not $lines" >&2; exit 1; }
    note "series" "$(ask "SHOW SERIES EXACT CARDINALITY FROM ollama_logs" | awk -F , 'END { print $NF }')"
    five "last 100 lines of 24 h" "SELECT message FROM ollama_logs WHERE $range ORDER BY time DESC LIMIT 100" "$at_least"
    five "the same as the dashboard asks" "SELECT message, host FROM ollama_logs WHERE host =~ /^.*\$/ AND $range ORDER BY time DESC LIMIT 100" "$at_least"
    note "RSS peak of last 100" "$(mib VmHWM)"
    five "last 100 lines of one hour" "SELECT message FROM ollama_logs WHERE $last_hour ORDER BY time DESC LIMIT 100" some
    five "last 100 lines of 24 h, grouped by host" "SELECT message FROM ollama_logs WHERE $range GROUP BY host ORDER BY time DESC LIMIT 100" "$at_least"
    five "text search over 24 h as the dashboard asks" "SELECT message, host FROM ollama_logs WHERE host =~ /^.*\$/ AND $range AND message =~ /(?i)out of memory/ ORDER BY time DESC LIMIT 100" some
    five "count by hour" "SELECT count(message) FROM ollama_logs WHERE $range GROUP BY time(1h)" 24
    five "count by hour and host" "SELECT count(message) FROM ollama_logs WHERE $range GROUP BY time(1h), host" 24
    five "names of the hosts" "SHOW TAG VALUES FROM ollama_logs WITH KEY = host" 1
    note "RSS peak of questions" "$(mib VmHWM)"
    timed "deleting the measurement" drop_measurement
    stop_server
    printf '%s: done, load %s\n' "$column" "$(cut -d ' ' -f 1 /proc/loadavg)" >&2
}

median() {
    awk -F '\t' -v column="$1" -v row="$2" '$1 == column && $2 == row { print $3 }' "$work/figures" | sort -n |
        awk '{ of[NR] = $1 } END { print of[int((NR + 1) / 2)] }'
}

seconds() { awk -v ms="$(median "$1" "$2")" 'BEGIN { printf ms < 1000 ? "%.2f s" : "%.1f s", ms / 1000 }'; }

# line LABEL KIND ROW…: one line of the table, every column.
line() {
    local label=$1 kind=$2 index layout cells name
    shift 2
    printf '| %s |' "$label"
    for index in "${indexes[@]}"; do
        for layout in tag field; do
            name="$layout, $index"
            cells=
            for row in "$@"; do
                case $kind in
                seconds) cells+="${cells:+; }$(seconds "$name" "$row")" ;;
                number) cells+="${cells:+; }$(median "$name" "$row")" ;;
                esac
            done
            printf ' %s |' "$cells"
        done
    done
    printf '\n'
}

table() {
    local index head='| |' rule='|---|'
    for index in "${indexes[@]}"; do
        head+=" tag, $index | field, $index |"
        rule+='---|---|'
    done
    printf '%s\n%s\n' "$head" "$rule"
    line "writing, wall; server CPU" seconds "writing" "writing, CPU"
    line "RSS before; after; peak of writing, MiB" number "RSS before" "RSS after" "RSS peak"
    line "on disk; of it index, MiB" number "disk" "disk, index"
    line "series" number "series"
    line "start of the server with these lines" seconds "start"
    line "RSS after that start; peak of \"last 100\"; peak of all questions, MiB" number "RSS started" "RSS peak of last 100" "RSS peak of questions"
    local row
    for row in "last 100 lines of 24 h" "the same as the dashboard asks" "last 100 lines of one hour" "last 100 lines of 24 h, grouped by host" \
        "text search over 24 h as the dashboard asks" "count by hour" "count by hour and host" "names of the hosts" "deleting the measurement"; do
        line "$row, wall; server CPU" seconds "$row" "$row, CPU"
    done
}

"$influxd" version
printf '%s lines, %s CPUs (%s), load before %s\n' "$lines" "$(nproc)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" "$(cut -d ' ' -f 1 /proc/loadavg)"
generate
for ((round = 0; round < rounds; round++)); do
    for index in "${indexes[@]}"; do
        for layout in tag field; do measure "$layout" "$index"; done
    done
done
printf 'load after %s\n\n' "$(cut -d ' ' -f 1 /proc/loadavg)"
table
