# shellcheck shell=bash
# Install on a host with a journal of more than a day; first run.

# in_the_past HOURS RUN LINES: lines that the journal has from then.
in_the_past() {
    local hours=$1 run=$2 lines=$3
    step_clock "-${hours}h"
    load "$lines" "$run"
    wait_for 60 "lines of the past" journal_has "$run" "$lines"
    idle
}

journal_has() { [ "$(inside journalctl --no-pager --unit=ollama.service --output=cat --grep="seq=$1-" 2>/dev/null | wc -l)" -ge "$2" ]; }

# The clock of these services, and of no others: the machine below is not ours.
clocked="systemd-journald.service $service"

fake_clock() {
    local unit
    echo "+0" >"$root/etc/faketimerc"
    for unit in $clocked; do
        mkdir -p "$root/run-faketime"
        inside mkdir -p "/run/systemd/system/$unit.d"
        inside tee "/run/systemd/system/$unit.d/faketime.conf" >/dev/null <<'CONF'
[Service]
Environment=LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1
Environment=FAKETIME_TIMESTAMP_FILE=/etc/faketimerc FAKETIME_CACHE_DURATION=1 FAKETIME_DONT_FAKE_MONOTONIC=1
CONF
    done
    inside systemctl daemon-reload
}

real_clock() {
    local unit
    for unit in $clocked; do inside rm -rf "/run/systemd/system/$unit.d"; done
    inside systemctl daemon-reload
    restart_journald
}

restart_journald() {
    # Often is what is tried here: systemd would stop at the fifth within ten seconds.
    inside systemctl reset-failed systemd-journald
    inside systemctl restart systemd-journald
}

step_clock() {
    echo "$1" >"$root/etc/faketimerc"
    restart_journald
}

inventory_is_there() { query "SELECT last(models_json) FROM ollama_models_inventory" | grep -q 'llama3.2.*qwen2.5-coder'; }

step_install() {
    start_server
    in_network curl --silent --fail "$server/query" --data-urlencode "q=CREATE USER admin WITH PASSWORD 'admin' WITH ALL PRIVILEGES" >/dev/null
    change "CREATE DATABASE ollama"
    change "CREATE USER shipper WITH PASSWORD 'secret'"
    change "GRANT WRITE ON ollama TO shipper"

    fake_clock
    in_the_past 30 old 200
    in_the_past 20 day 2000
    real_clock
    load 100 now
    wait_for 60 "lines of now" journal_has now 100

    # Before the operator has filled in the keys: installed, nothing runs.
    inside sh -c "umask 077; exec $installer --binary $package_binary" >"$work/install.out"
    grep -q 'fill in the INFLUXDB_ keys' "$work/install.out"
    readable_by_all
    not_enabled
    [ "$(inside stat -c '%a %U:%G' /etc/ollama-influxdb/config.env)" = "640 root:ollama" ]

    refuses_configuration 'SHIPPER_POLL_INTERVAL' SHIPPER_POLL_INTERVAL=soon
    refuses_configuration 'INFLUXDB_TOKEN' INFLUXDB_TOKEN=shipper:wrong
    refuses_configuration 'no-such-token' INFLUXDB_TOKEN= INFLUXDB_TOKEN_FILE=/etc/no-such-token
    echo "3 configurations refused by the doctor"

    configure
    inside "$installer" --binary "$package_binary" >"$work/install.out"
    inside systemctl --quiet is-enabled "$service"
    extras /usr/local site-functions
    unit_in_force
    grep -q 'kept /etc/ollama-influxdb/config.env' "$work/install.out"
    grep -q 'SHIPPER_SPOOL_MAX_BYTES=2GiB' "$work/install.out"
    is_active "$service"

    wait_for 60 "the inventory" inventory_is_there
    complete
    has_lines_of day 2000
    [ "$(lines_of old)" = 0 ]

    prompt
    follow_log
    no_loop
    balanced
    exposure group 1.2
    whole_life
}

# What the sandbox leaves it: which boot this is, the port of its metrics and no other, a reload, and no core.
whole_life() {
    local pid boot
    boot=$(inside cat /proc/sys/kernel/random/boot_id | tr -d -)
    pid=$(main_pid)
    inside grep -qz "^BOOT_ID=$boot$" "/proc/$pid/environ"
    denied inside nsenter --target "$pid" --mount -- test -e /proc/sys
    [ "$(in_force LimitCORE)" = 0 ]
    configure SHIPPER_METRICS_LISTEN=127.0.0.1:9898
    inside "$installer" --binary "$package_binary" >"$work/install.out"
    inside grep -q '^SocketBindAllow=tcp:9898$' "/etc/systemd/system/$service.d/40-metrics.conf"
    wait_for 20 "the metrics" metrics_are_served
    inside systemctl reload "$service"
    wait_for 20 "the metrics after a reload" metrics_are_served
    configure
    inside "$installer" --binary "$package_binary" >"$work/install.out"
    inside test ! -e "/etc/systemd/system/$service.d/40-metrics.conf"
    echo "metrics and a reload in the sandbox"
}

metrics_are_served() { inside curl --silent --fail --max-time 2 http://127.0.0.1:9898/metrics | grep -q '^shipper_entries_read_total [1-9]'; }

# Whatever the umask of whoever installs it.
readable_by_all() {
    local hidden
    hidden=$(inside find /usr/local /etc/systemd/system ! -type l \( ! -perm -o=r -o -type d ! -perm -o=x \))
    [ -z "$hidden" ] || {
        echo "not readable by all: $hidden" >&2
        return 1
    }
}

not_enabled() {
    denied inside systemctl --quiet is-enabled "$service"
    denied is_active "$service"
}

# refuses_configuration WHAT KEY=VALUE...: the doctor names WHAT, the service is not enabled, and the operator is told how far it came.
refuses_configuration() {
    local what=$1 line
    shift
    configure "$@"
    denied inside "$installer" --binary "$package_binary" >"$work/doctor.out" 2>&1
    for line in "^FAIL .*" "$what" 'FAILED at: check the configuration' 'the service was not enabled' '^done before that:' \
        "^  install /etc/systemd/system/$service" '^not done:' "^  enable and start $service"; do
        grep -q -- "$line" "$work/doctor.out" || {
            echo "install.sh did not say: $line" >&2
            cat "$work/doctor.out" >&2
            return 1
        }
    done
    not_enabled
}

# extras PREFIX ZSH_DIRECTORY: completions and man pages, and that they are what they should be.
extras() {
    local share=$root$1/share man
    inside bash -c ". $1/share/bash-completion/completions/shipper && complete -p shipper" >"$work/complete.out"
    grep -q '^#compdef shipper' "$share/zsh/$2/_shipper"
    grep -q 'complete -c shipper' "$share/fish/vendor_completions.d/shipper.fish"
    for man in shipper shipper-run shipper-spool-stats shipper-doctor; do
        gzip --decompress --stdout --force "$share/man/man1/$man".1* | grep -qi "^\.TH $man 1"
    done
}

no_extras() {
    gone "$1/share/bash-completion/completions/shipper" "$1/share/zsh/$2/_shipper" "$1/share/fish/vendor_completions.d/shipper.fish"
    [ -z "$(inside find "$1/share/man" -name 'shipper*')" ]
}

in_force() { inside systemctl show --property="$1" --value "$service"; }

# What systemd has understood of the unit, and that it had nothing to say against any line of it.
unit_in_force() {
    local expected property
    for expected in Type=notify NotifyAccess=main WatchdogUSec=1min Restart=always MemoryMax=268435456 CPUWeight=20 User=ollama \
        StateDirectory=ollama-influxdb RuntimeDirectory=ollama-influxdb; do
        property=${expected%%=*}
        [ "$(in_force "$property")" = "${expected#*=}" ] || {
            echo "$property is $(in_force "$property")" >&2
            return 1
        }
    done
    inside systemctl daemon-reload
    inside systemd-analyze verify --recursive-errors=no "/etc/systemd/system/$service" >"$work/verify.out" 2>&1 || true
    inside journalctl --quiet --no-pager --boot _PID=1 --grep="$service.*(Unknown|gnored|gnoring|Failed to parse)" >>"$work/verify.out" || true
    [ ! -s "$work/verify.out" ] || {
        cat "$work/verify.out" >&2
        return 1
    }
}

# The first line after a silence must be in InfluxDB within 10 s.
prompt() {
    local begin run
    idle
    run=fresh$(milliseconds)
    load 50 "$run"
    begin=$(milliseconds)
    wait_for 10 "a new line" has_lines_of "$run"
    echo "a new line there after $(($(milliseconds) - begin)) ms"
}

# systemctl status and journalctl -f, as the operator types them.
follow_log() {
    inside systemctl --no-pager status "$service" | grep -q 'active (running)'
    inside timeout 2 journalctl --no-pager --follow --unit=Ollama_InfluxDB >"$work/log" || [ $? = 124 ]
    grep -q 'shipper.*reading the journal' "$work/log"
}

# Its own log is not shipped; told to ship that too, it must not have more to say for every line that it ships.
no_loop() {
    [ "$(number "SELECT count(message) FROM ollama_logs WHERE message =~ /reading the journal/")" = 0 ]
    configure SHIPPER_JOURNAL_UNITS="ollama.service,$service"
    idle
    inside systemctl restart "$service"
    wait_for 60 "its own log" has_lines_like 'reading the journal'
    local before after
    before=$(number "SELECT count(message) FROM ollama_logs")
    sleep 2
    after=$(number "SELECT count(message) FROM ollama_logs")
    echo "$((after - before)) lines about itself in 2 s"
    [ $((after - before)) -lt 5 ]
    configure
    inside systemctl restart "$service"
    load 50
}

has_lines_like() { [ "$(number "SELECT count(message) FROM ollama_logs WHERE message =~ /$1/")" -ge 1 ]; }

# exposure MODE MOST: what systemd says of the sandbox, of 10.
exposure() {
    local figure
    figure=$(inside systemd-analyze security --no-pager "$service" | sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p')
    echo "exposure $1 $figure"
    awk -v figure="$figure" -v most="$2" 'BEGIN { exit !(figure <= most) }'
}
