# shellcheck shell=bash
# journald's limit on the lines of a unit: what install.sh says of it, lifts and takes back, and what the doctor says.

lifted=/etc/systemd/system/ollama.service.d/50-ollama-influxdb-log-limit.conf

# burst LINES: Ollama prints so many at once.
burst() {
    echo "LINES=$1" >"$root/etc/ollama-standin.env"
    inside systemctl start ollama
}

# A burst, and a line after the interval by which journald says what it dropped.
burst_and_after() {
    burst "$1"
    sleep 2.5
    burst 1
    sleep 0.3
}

doctor_says() {
    inside shipper doctor >"$work/doctor" 2>&1 || true
    # Long findings are broken into lines.
    tr -s '\n ' '  ' <"$work/doctor" | grep -q -- "$1" || {
        cat "$work/doctor" >&2
        return 1
    }
}

step_limit() {
    local since before dropped printed=20000
    # After the file by which every other step has no limit.
    printf '%s\n' '[Journal]' RateLimitIntervalSec=2s RateLimitBurst=200 >"$root/etc/systemd/journald.conf.d/unlike-test.conf"
    restart_journald
    quiet
    drop_in ollama.service <<'UNIT'
[Service]
Type=oneshot
ExecStart=
ExecStart=/usr/bin/seq --format='limited %%.0f' 1 $LINES
UNIT

    # Offered, and nothing written into Ollama's unit unasked.
    install_again
    grep -q 'journald takes 200 lines of ollama.service in 2s' "$work/install.out"
    grep -q '^  LogRateLimitBurst=1000000$' "$work/install.out"
    gone "$lifted"
    doctor_says 'pass log limit journald takes 200 lines of ollama.service in 2s'

    before=$(figure reader.suppressed)
    burst_and_after "$printed"
    dropped=$(($(figure reader.suppressed) - before))
    [ "$dropped" -gt 0 ]
    doctor_says "warn log limit .* dropped before they were in the journal: journald takes 200 lines"
    doctor_says 'LogRateLimitBurst=1000000'

    # A unit's 0 is what it has without a word: journald's own limit holds.
    drop_in_more '[Service]' LogRateLimitIntervalSec=0
    before=$(figure reader.suppressed)
    burst_and_after "$printed"
    [ "$(figure reader.suppressed)" -gt "$before" ]
    no_drop_in_more

    install_again --lift-log-limit --dry-run
    grep -q "would write: $lifted" "$work/install.out"
    gone "$lifted"
    install_again --lift-log-limit
    grep -q '^LogRateLimitBurst=1000000$' "$root$lifted"
    install_again
    denied grep 'journald takes' "$work/install.out"
    doctor_says 'pass log limit journald takes 1,000,000 lines of ollama.service in 1s'
    before=$(figure reader.suppressed)
    quiet
    burst_and_after "$printed"
    [ "$(figure reader.suppressed)" = "$before" ]
    same "no limit" '' --unit=ollama.service
    [ "$(grep -c '^limited ' "$work/messages")" = $((printed + 1)) ]

    # Nothing is taken back but what was written.
    inside "$installer" --uninstall >/dev/null
    gone "$lifted"
    [ -e "$root/etc/systemd/system/ollama.service.d/kinds.conf" ]
    install_again
    no_drop_in ollama.service
    rm "$root/etc/systemd/journald.conf.d/unlike-test.conf"
    restart_journald
    echo "$dropped of $printed lines dropped, none once the limit was lifted"
}

drop_in_more() {
    printf '%s\n' "$@" >"$root/etc/systemd/system/ollama.service.d/more.conf"
    inside systemctl daemon-reload
}

no_drop_in_more() {
    rm "$root/etc/systemd/system/ollama.service.d/more.conf"
    inside systemctl daemon-reload
}
