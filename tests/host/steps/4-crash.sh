# shellcheck shell=bash
# The service is killed, then the whole machine.

new_process() {
    local pid
    pid=$(main_pid)
    [ "$pid" != 0 ] && [ "$pid" != "$1" ]
}

step_crash() {
    load 400
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
