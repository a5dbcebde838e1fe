# shellcheck shell=bash
# What happens to journals: rotated, vacuumed, journald restarted, the clock stepped.

step_journal() {
    load 400
    local round
    for ((round = 0; round < 5 * repetitions; round++)); do
        inside journalctl --quiet --rotate
        sleep 0.5
        inside journalctl --quiet --vacuum-files=2
        restart_journald
        sleep 0.5
    done
    complete
    echo "$round rotations, vacuums and restarts"

    # One hour ahead, and back again: the journal's times go back with it. No further than this machine has been up: libfaketime takes
    # the offset from the deadlines of timers as well, and journald ends over one that lies before the boot.
    local run ahead=$(($(cut -d . -f 1 /proc/uptime) / 2))
    [ "$ahead" -lt 3600 ] || ahead=3600
    fake_clock
    step_clock "+0"
    inside systemctl restart "$service"
    for offset in "+$ahead" +0 "-$ahead" +0; do
        step_clock "$offset"
        # The clock of the service follows within the second that its library looks it up in.
        sleep 1.5
        run=clock$(milliseconds)
        load 200 "$run"
        wait_for 60 "lines after the clock went to $offset" has_lines_of "$run" 200
    done
    complete
    real_clock
    inside systemctl restart "$service"
    echo "clock $ahead s ahead and back, behind and back"
    complete
    balanced
}
