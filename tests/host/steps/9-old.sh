# shellcheck shell=bash
# Upgrade from version 0.1, whose own install.sh installs it: this version goes on where that one stopped.

# Only in a container the boot id is a mount over that of the machine, which a unit with a /proc of its own does not see; and
# `journalctl --follow`, by which 0.1 reads through sudo, shows the current boot only. It is given the id that any host would show it.
same_boot_id() {
    inside sh -c 'cat /proc/sys/kernel/random/boot_id >/run/boot-id'
    inside mkdir -p "/run/systemd/system/$service.d"
    inside tee "/run/systemd/system/$service.d/boot-id.conf" >/dev/null <<'CONF'
[Service]
BindReadOnlyPaths=/run/boot-id:/proc/sys/kernel/random/boot_id
CONF
}

# Its points are not those that this version would make: they have a database of their own.
install_old() {
    inside "$installer" --uninstall --purge >/dev/null
    idle
    sleep 2
    change "DROP DATABASE early"
    change "CREATE DATABASE early"
    change "GRANT WRITE ON early TO shipper"
    inside /root/old/install.sh --binary /root/old/shipper --journal-access "$1" --no-start >/dev/null
    configure INFLUXDB_BUCKET=early SHIPPER_LOOKBACK=1s
    inside /root/old/install.sh --binary /root/old/shipper --journal-access "$1" >"$work/old.out"
    [ "$(inside shipper --version)" = "shipper 0.1.0" ]
}

early_has() { [ "$(in_network curl --silent --user "$admin" --get "$server/query" --header 'Accept: application/csv' \
    --data-urlencode db=early --data-urlencode "q=SELECT count(message) FROM ollama_logs WHERE message =~ /seq=$1-/" |
    awk -F , 'NR == 2 { print $NF; found = 1 } END { if (!found) print 0 }')" -ge "$2" ]; }

points_in_early() {
    in_network curl --silent --fail --user "$admin" --get "$server/query" --header 'Accept: application/csv' --data-urlencode db=early \
        --data-urlencode "q=SELECT count(message) FROM ollama_logs WHERE message =~ /seq=($1)-/" | awk -F , 'NR == 2 { print $NF }'
}

# goes_on ACCESS: with what 0.1 had delivered, what it had read, and what it had not read.
goes_on() {
    local access=$1 first second third before after
    install_old "$access"
    first=a$(milliseconds)
    load 300 "$first"
    wait_for 60 "lines that 0.1 has delivered" early_has "$first" 300
    inside systemctl stop influxdb
    second=b$(milliseconds)
    load 300 "$second"
    wait_for 60 "lines that 0.1 has read" pending_at_least 600
    inside systemctl kill --signal=KILL "$service"
    inside systemctl stop "$service"
    third=c$(milliseconds)
    load 300 "$third"
    wait_for 60 "lines that 0.1 has not read" journal_has "$third" 300
    # This version's unit says which boot it is, and has no /proc/sys to mount anything over.
    inside rm -f "/run/systemd/system/$service.d/boot-id.conf"
    inside "$installer" --binary "$package_binary" >"$work/new.out"
    start_server
    idle
    complete early "$first" "$second" "$third"
    if [ "$access" = sudoers ]; then
        denied inside grep -q journalctl /etc/sudoers.d/ollama-influxdb
        inside grep -q ' feed$' /etc/sudoers.d/ollama-influxdb
    fi

    before=$(points_in_early "$first|$second|$third")
    inside shipper backfill --since 1h >"$work/backfill.out"
    wait_for 60 "an empty spool" nothing_pending
    complete early "$first" "$second" "$third" >"$work/again"
    after=$(points_in_early "$first|$second|$third")
    [ "$before" = "$after" ]
    balanced
    echo "$access: gone on from 0.1, and the same after a backfill ($(head -n 1 "$work/backfill.out"))"
}

step_old() {
    local old
    if ! old=$("$project/tests/old.sh" 2>"$work/old.err"); then
        echo "SKIPPED: $(tail -n 1 "$work/old.err")"
        return
    fi
    start_server
    mkdir -p "$root/root/old"
    cp -r "$old.tree/." "$root/root/old"
    install -m 0755 "$old" "$root/root/old/shipper"
    goes_on group
    same_boot_id
    goes_on sudoers
    rm -rf "$root/root/old"
    change "DROP DATABASE early"

    # As the other steps have it.
    inside test -e /etc/sudoers.d/ollama-influxdb
    inside "$installer" --uninstall --purge >/dev/null
    gone /etc/sudoers.d/ollama-influxdb
    inside "$installer" --binary "$package_binary" --no-start >/dev/null
    configure
    inside "$installer" --binary "$package_binary" >/dev/null
}
