# shellcheck shell=bash
# InfluxDB is stopped for a while, the load goes on.

step_outage() {
    load 400
    inside systemctl stop influxdb
    wait_for 60 "a backlog" pending_at_least $((4000 * repetitions))
    local backlog begin
    backlog=$(figure pending)
    is_active "$service"
    start_server
    begin=$(milliseconds)
    wait_for 60 "the backlog to drain" drained_below 1000
    echo "backlog of $backlog lines gone $(($(milliseconds) - begin)) ms after InfluxDB was back"
    load 50
    complete
    balanced
}

drained_below() { [ "$(figure pending)" -lt "$1" ]; }
