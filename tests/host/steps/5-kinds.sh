# shellcheck shell=bash
# The kinds of journals that a host has: a namespace, a volatile one that is flushed, a user's, small files, sealed ones, and one with a
# rate limit. Real journald writes each, and what arrives is compared with what journalctl reads.

journals=/var/log/journal

# drop_in UNIT: for a unit of the host, from standard input.
drop_in() {
    mkdir -p "$root/etc/systemd/system/$1.d"
    cat >"$root/etc/systemd/system/$1.d/kinds.conf"
    inside systemctl daemon-reload
}

no_drop_in() {
    rm -r "$root/etc/systemd/system/$1.d"
    inside systemctl daemon-reload
}

# journald SETTING...: journald with these settings; with none, as it was.
journald() {
    local file=$root/etc/systemd/journald.conf.d/kinds.conf
    printf '%s\n' '[Journal]' "$@" >"$file"
    restart_journald
}

# quiet: no line is written from now on, until the next load; sets $since, in milliseconds.
quiet() {
    idle
    sleep 0.3
    since=$(milliseconds)
    sleep 0.1
}

# arrived WHAT RUN JOURNALCTL_ARGUMENT...: every line of the run that journalctl shows is in InfluxDB exactly once; prints the figures.
arrived() {
    local what=$1 run=$2
    shift 2
    inside journalctl --quiet --no-pager --output=cat "$@" >"$work/journal"
    [ "$(grep -c "seq=$run-" "$work/journal")" -ge 100 ] || {
        echo "$what: journalctl shows only $(grep -c "seq=$run-" "$work/journal") lines of $run" >&2
        return 1
    }
    wait_for 30 "$what: every line exactly once" compare ollama "$run" || {
        cat "$work/figures" "$work/differences" >&2
        return 1
    }
    echo "$what: $(cat "$work/figures")"
}

# same WHAT TAG JOURNALCTL_ARGUMENT...: the points with this tag `unit` (ollama.service has none) are what journalctl shows, message by
# message, since the last quiet; leaves the messages in a file.
same() {
    local what=$1 tag=$2 until
    shift 2
    until=$(milliseconds)
    inside journalctl --quiet --no-pager --output=export --output-fields=MESSAGE "$@" >"$work/export"
    wait_for 30 "$what: the same messages" same_messages "$until" "$tag" || {
        cat "$work/figures" "$work/differences" >&2
        return 1
    }
    echo "$what: $(cat "$work/figures")"
}

same_messages() {
    in_network python3 -B "$here/messages.py" "$server" "$admin" "$since" "$1" "$2" "$work/export" "$work/messages" \
        >"$work/figures" 2>"$work/differences"
}

# LogNamespace=, and no word of it in the configuration.
kind_namespace() {
    local run
    run=namespace$(milliseconds)
    quiet
    drop_in ollama.service <<'UNIT'
[Service]
LogNamespace=models
UNIT
    load 400 "$run"
    sleep 1
    inside systemctl restart "$service"
    wait_for 60 "lines of the namespace" has_lines_of "$run" 800
    idle
    [ -n "$(inside find "$journals" -path '*.models/*.journal')" ]
    arrived namespace "$run" --namespace=models --unit=ollama.service
    # With what systemd says of the unit, in the main journal.
    same "and systemd's words" '' --namespace=+models --unit=ollama.service
    grep -q '^Started ollama.service' "$work/messages"
    no_drop_in ollama.service
    inside systemctl restart "$service"
}

as_tester() { inside setpriv --reuid=tester --regid=tester --init-groups -- env XDG_RUNTIME_DIR="/run/user/$1" "${@:2}"; }

# A unit of a user's own manager.
kind_user() {
    local run uid
    run=user$(milliseconds)
    inside id tester >"$work/id" 2>&1 || inside useradd --create-home tester
    uid=$(inside id --user tester)
    # What pam_systemd does elsewhere, which this host lacks.
    drop_in user@.service <<'UNIT'
[Service]
Environment=XDG_RUNTIME_DIR=/run/user/%i
UNIT
    mkdir -p "$root/etc/systemd/user"
    cat >"$root/etc/systemd/user/ollama-mine.service" <<UNIT
[Service]
ExecStart=/usr/local/bin/ollama serve
Environment=RATE=400 RUN=$run
UNIT
    inside loginctl enable-linger tester
    if ! wait_for 10 "a user's manager" is_active "user@$uid.service"; then
        echo "*** SKIPPED: units of users' managers: none runs on this host ***"
        return
    fi
    quiet
    configure SHIPPER_JOURNAL_USER_UNITS=ollama-mine.service
    inside systemctl restart "$service"
    as_tester "$uid" systemctl --user start ollama-mine
    wait_for 60 "lines of a user's unit" has_lines_of "$run" 800
    as_tester "$uid" systemctl --user stop ollama-mine
    [ -n "$(inside find "$journals" -name "user-$uid.journal")" ]
    arrived "user's unit" "$run" _SYSTEMD_USER_UNIT=ollama-mine.service
    same "and by its tag" user:ollama-mine.service _SYSTEMD_USER_UNIT=ollama-mine.service + USER_UNIT=ollama-mine.service
    grep -q '^Started ollama-mine.service' "$work/messages"
    inside loginctl disable-linger tester
    inside systemctl stop "user@$uid.service"
    no_drop_in user@.service
    configure
    inside systemctl restart "$service"
}

# As before /var is there: kept in memory, and flushed to the disk while lines come.
kind_volatile() {
    local run
    run=volatile$(milliseconds)
    quiet
    inside rm -f /run/systemd/journal/flushed
    journald Storage=volatile
    load 400 "$run"
    wait_for 60 "lines of a volatile journal" has_lines_of "$run" 600
    [ -n "$(inside find /run/log/journal -name system.journal)" ]
    journald Storage=persistent
    sleep 0.5
    inside journalctl --flush
    [ -z "$(inside find /run/log/journal -name '*.journal')" ]
    sleep 1
    idle
    arrived "volatile, then flushed" "$run" --unit=ollama.service
    same "by journalctl" '' --unit=ollama.service
    nothing_new
    compare ollama "$run"
    same "after it" '' --unit=ollama.service >/dev/null
    journald
}

# nothing_new: a backfill reads the last hour again, and the spool has all of it.
nothing_new() {
    local told
    told=$(inside shipper backfill --since 1h --json | python3 -c 'import json, sys; told = json.load(sys.stdin); print(told["new"], "new of", told["read"])')
    echo "backfill: $told"
    [[ $told = "0 new of "[1-9]* ]]
}

# Files so small that journald fills one after the other. The last entry of a full file may stay there half linked, and is written again
# into the next: with lines of this length, nearly always.
kind_small_files() {
    local run=small filled twice
    journald SystemMaxFileSize=512K
    inside journalctl --quiet --rotate
    filled=$(files_like 'system@*.journal')
    load 2500 "$run"
    wait_for 60 "lines in small files" has_lines_of "$run" 5000
    idle
    arrived "small files" "$run" --unit=ollama.service
    filled=$(($(files_like 'system@*.journal') - filled))
    twice=$(written_twice "$run")
    echo "$filled files filled, $twice last entries written twice, $(written_twice "$run" --unit=ollama.service) of them found by the unit"
    [ "$twice" -gt 0 ]
    journald
}

files_like() { inside find "$journals" -name "$1" | wc -l; }

# written_twice RUN [JOURNALCTL_ARGUMENT...]: how many lines of the run are in more files than one, each file looked at by itself.
written_twice() {
    local run=$1
    shift
    # shellcheck disable=SC2016
    inside sh -c 'find "$0" -name "system*.journal" -exec journalctl --quiet --no-pager --output=cat "$@" --file={} \;' "$journals" "$@" |
        grep "seq=$run-" | sort | uniq --repeated | wc -l
}

# What journalctl itself reads of a directory with every state that a file can be in.
kind_oracle() {
    local run later sealed=sealed pid
    run=states$(milliseconds)
    quiet
    inside journalctl --force --setup-keys >"$work/keys" 2>&1 || sealed="not sealed (no keys on this host)"
    journald Compress=64
    inside journalctl --quiet --rotate
    load 400 "$run"
    for _ in 1 2; do
        sleep 0.5
        inside journalctl --quiet --rotate
    done
    sleep 0.5
    # Nothing is on its way to journald when it dies.
    idle
    sleep 0.3
    inside systemctl reset-failed systemd-journald
    pid=$(inside systemctl show --property=MainPID --value systemd-journald)
    inside kill -KILL "$pid"
    wait_for 20 "journald again" journald_answers
    later=${run}b
    load 400 "$later"
    wait_for 60 "lines after the kill" has_lines_of "$later" 400
    idle
    arrived "rotated, killed, compressed, $sealed" "$run" --unit=ollama.service
    arrived "and then" "$later" --unit=ollama.service
    same "by journalctl" '' --unit=ollama.service
    inside journalctl --header >"$work/headers"
    echo "$(grep -c '^File path' "$work/headers") files, $(files_like '*.journal~') put aside, $(grep -c '^Compatible flags:.* SEALED' "$work/headers") sealed, $(grep -c '^Incompatible flags:.*COMPRESSED' "$work/headers") compressed"
    [ "$(files_like '*.journal~')" -gt 0 ]
    # Without its key journald does not open a sealed file, and says nothing: the files that it writes to are to have no seal first.
    journald Seal=no
    inside journalctl --quiet --rotate
    inside find "$journals" -name fss -delete
    journald
    [ -z "$(inside find /run/log/journal -name '*.journal')" ]
}

journald_answers() { inside journalctl --sync 2>/dev/null; }

# journald drops lines, and says how many with the unit's next line.
kind_rate_limit() {
    local before dropped printed=20000 kept
    before=$(figure reader.suppressed)
    quiet
    drop_in ollama.service <<'UNIT'
[Service]
Type=oneshot
LogRateLimitIntervalSec=2s
LogRateLimitBurst=200
ExecStart=
ExecStart=/usr/bin/seq --format='burst %%.0f' 1 $LINES
UNIT
    echo "LINES=$printed" >"$root/etc/ollama-standin.env"
    inside systemctl start ollama
    sleep 2.5
    echo "LINES=1" >"$root/etc/ollama-standin.env"
    inside systemctl start ollama
    sleep 0.3
    same "rate limit" '' --unit=ollama.service
    dropped=$(sed -n 's/^Suppressed \([0-9]*\) messages from ollama.service$/\1/p' "$work/messages" | awk '{ sum += $1 } END { print sum + 0 }')
    kept=$(grep -c '^burst ' "$work/messages")
    echo "$printed lines printed, $((kept - 1)) kept, $dropped dropped by journald's word, $(($(figure reader.suppressed) - before)) by the service's"
    [ $((kept - 1 + dropped)) = "$printed" ] && [ "$dropped" -gt 0 ]
    [ $(($(figure reader.suppressed) - before)) = "$dropped" ]
    no_drop_in ollama.service
}

step_kinds() {
    local since kind
    for kind in namespace user volatile small_files oracle rate_limit; do "kind_$kind"; done
    rm -f "$root/etc/systemd/journald.conf.d/kinds.conf"
    restart_journald
    load 200
    sleep 1
    idle
    complete
    nothing_new
    wait_for 60 "an empty spool" nothing_pending
    balanced
}
