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

# Figures of the comparison, in $work/figures as well.
compare() {
    inside journalctl --no-pager --unit=ollama.service --output=cat >"$work/journal" &&
        in_network python3 "$here/check.py" "$server" "$admin" "$work/journal" >"$work/figures" 2>"$work/differences"
}

# Everything is there, exactly once; prints the figures.
complete() {
    if ! wait_for "${1:-60}" "every line to be in InfluxDB exactly once" compare; then
        cat "$work/figures" "$work/differences" >&2
        inside systemctl --no-pager --lines=20 status Ollama_InfluxDB >&2 || true
        return 1
    fi
    cat "$work/figures"
}
