# shellcheck shell=bash
# The database was dropped and restored from an older backup.

backup=/var/backups/influxdb

on_server() { inside ip netns exec server "$@"; }

# InfluxDB 1.6 leaves a restored shard disabled ("shard is disabled", for queries and for writes) until it opens it anew.
restore() {
    change "DROP DATABASE ollama"
    on_server influxd restore -portable -db ollama "$backup" >"$work/restore.log" 2>&1
    inside systemctl restart influxdb
    start_server
    change "GRANT WRITE ON ollama TO shipper"
}

step_replay() {
    load 200
    complete >/dev/null
    local all restored after
    on_server rm -rf "$backup"
    on_server influxd backup -portable -database ollama "$backup" >"$work/backup.log" 2>&1
    local run
    run=later$(milliseconds)
    load 500 "$run"
    wait_for 60 "lines after the backup" has_lines_of "$run" 2000
    idle
    complete >/dev/null # and the journal as it was noted there is what must be back
    wait_for 60 "an empty spool" nothing_pending

    all=$(stored)
    restore
    restored=$(stored)
    [ "$restored" -gt 0 ] && [ "$restored" -lt "$all" ]
    denied compare
    echo "after the restore: $restored of $all lines"
    inside shipper replay >/dev/null
    after=$(complete)
    [ "$(stored)" -ge "$all" ]
    echo "after the replay: $after"
    wait_for 60 "an empty spool" nothing_pending
    balanced
}

stored() { number "SELECT count(message) FROM ollama_logs"; }
