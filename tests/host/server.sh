# shellcheck shell=bash
# The InfluxDB server of the host under test. Sourced by run.sh after host.sh.

server=http://10.77.0.2:8086
admin=admin:admin
shipper_login=shipper:secret

in_network() { nsenter --target "$(cat "$work/leader")" --net -- "$@"; }

query() {
    in_network curl --silent --show-error --fail --max-time 60 --user "$admin" --get "$server/query" \
        --header 'Accept: application/csv' --data-urlencode db=ollama --data-urlencode "q=$1"
}

change() {
    in_network curl --silent --show-error --fail --max-time 60 --user "$admin" "$server/query" \
        --data-urlencode db=ollama --data-urlencode "q=$1" >/dev/null
}

server_answers() { in_network curl --silent --fail --max-time 2 "$server/ping" 2>/dev/null; }

start_server() {
    inside systemctl start influxdb
    wait_for 60 "InfluxDB" server_answers
}

# The last value of the first row, 0 without rows.
number() { query "$1" | awk -F , 'NR == 2 { print $NF; found = 1 } END { if (!found) print 0 }'; }

# What the journal has at this moment; what comes later is not asked for.
note_journal() { inside journalctl --no-pager --unit=ollama.service --output=cat >"$work/journal"; }

# Whether InfluxDB has it all, exactly once; figures and differences in files.
# Of these runs alone when they are given, with the database that has them.
compare() {
    in_network python3 "$here/check.py" "$server" "$admin" "$work/journal" "$@" >"$work/figures" 2>"$work/differences"
}

# complete [DATABASE RUN...]: waits until everything is there, exactly once; prints the figures.
complete() {
    note_journal
    if ! wait_for 120 "every line to be in InfluxDB exactly once" compare "$@"; then
        cat "$work/figures" "$work/differences" >&2
        return 1
    fi
    cat "$work/figures"
}
