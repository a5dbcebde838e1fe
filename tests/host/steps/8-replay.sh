# shellcheck shell=bash
# The database was dropped and restored from an older backup.

backup=/var/backups/influxdb

on_server() { inside ip netns exec server "$@"; }

step_replay() {
    load 200
    complete >/dev/null
    on_server rm -rf "$backup"
    on_server influxd backup -portable -database ollama "$backup" >"$work/backup.log" 2>&1
    local run
    run=later$(milliseconds)
    load 500 "$run"
    wait_for 30 "lines after the backup" has_lines_of "$run" 2000
    idle
    complete >/dev/null # and the journal as it was noted there is what must be back
    wait_for 30 "an empty spool" nothing_pending

    change "DROP DATABASE ollama"
    on_server influxd restore -portable -db ollama "$backup" >"$work/restore.log" 2>&1
    change "GRANT WRITE ON ollama TO shipper"
    denied compare
    echo "after the restore: $(cat "$work/figures")"
    inside shipper replay >/dev/null
    echo "after the replay: $(complete)"
    wait_for 30 "an empty spool" nothing_pending
    balanced
}
