# shellcheck shell=bash
# The service is killed, then the whole machine.

new_process() {
    local pid
    pid=$(main_pid)
    [ "$pid" != 0 ] && [ "$pid" != "$1" ]
}

# The second that the unit waits before a restart is not what is tried; gone with the first power cut.
restart_at_once() {
    inside mkdir -p "/run/systemd/system/$service.d"
    inside tee "/run/systemd/system/$service.d/restart.conf" >/dev/null <<'CONF'
[Service]
RestartSec=100ms
CONF
    inside systemctl daemon-reload
}

step_crash() {
    load 400
    restart_at_once
    local kills=$((20 * repetitions)) cuts=$((5 * repetitions)) round pid
    for ((round = 0; round < kills; round++)); do
        pid=$(main_pid)
        sleep "0.$((RANDOM % 6))"
        inside kill -KILL "$pid"
        wait_for 60 "a restart" new_process "$pid"
    done
    echo "$kills kills"
    complete

    for ((round = 0; round < cuts; round++)); do
        load 400
        # Somewhere in the work: in the middle of reading, of a commit, of a request.
        sleep "$((RANDOM % 3)).$((RANDOM % 10))"
        power_cut
        power_on
        wait_for 60 "the service" is_active "$service"
        start_server
        complete
    done | tail -n 1
    echo "$cuts power cuts"
    balanced
}
