# shellcheck shell=bash
# InfluxDB is stopped for a while, the load goes on.

step_outage() {
    load 2000
    inside systemctl stop influxdb
    wait_for $((60 * repetitions)) "a backlog" pending_at_least $((4000 * repetitions))
    load 50
    # Stopping does not wait for a server that is not there.
    local backlog begin
    begin=$(milliseconds)
    inside systemctl stop "$service"
    echo "stopped in $(($(milliseconds) - begin)) ms"
    [ $(($(milliseconds) - begin)) -lt 8000 ]
    inside systemctl start "$service"
    pending_at_least $((4000 * repetitions))
    backlog=$(figure pending)
    start_server
    begin=$(milliseconds)
    wait_for $((60 * repetitions)) "the backlog to drain" drained_below 1000
    echo "backlog of $backlog lines gone $(($(milliseconds) - begin)) ms after InfluxDB was back"
    complete
    balanced
}

drained_below() { [ "$(figure pending)" -lt "$1" ]; }
