# shellcheck shell=bash
# Upgrade over an old spool, uninstall, reinstall, purge.

gone() {
    local path
    for path in "$@"; do denied inside test -e "$path"; done
}

step_upgrade() {
    # A backlog that only the spool has: the upgrade must keep it.
    load 300
    inside systemctl stop influxdb
    wait_for 120 "a backlog" pending_at_least 1000
    idle
    inside systemctl stop "$service"
    local before after
    before=$(figure pending)
    inside "$installer" --binary "$package_binary" >/dev/null
    after=$(figure pending)
    [ "$after" -ge "$before" ]
    echo "upgrade: $before pending before, $after after"
    start_server
    complete

    # Nothing is written by a dry run.
    inside "$installer" --uninstall --purge --dry-run >/dev/null
    is_active "$service"

    load 200
    inside "$installer" --uninstall >/dev/null
    gone /usr/local/bin/shipper "/etc/systemd/system/$service" "/etc/systemd/system/$service.d" /etc/sudoers.d/ollama-influxdb
    no_extras /usr/local site-functions
    inside test -e /etc/ollama-influxdb/config.env
    # Nothing is left to do the second time.
    inside "$installer" --uninstall >/dev/null
    inside "$installer" --binary "$package_binary" >/dev/null
    complete
    echo "uninstalled and installed again over the spool"

    inside "$installer" --uninstall --purge >/dev/null
    gone /var/lib/ollama-influxdb /etc/ollama-influxdb /run/ollama-influxdb
    inside "$installer" --binary "$package_binary" --no-start >/dev/null
    denied is_active "$service"
    configure "INFLUXDB_TOKEN="
    # This time the token is a credential.
    inside install -d -m 0700 /etc/credstore
    printf '%s' "$shipper_login" >"$root/etc/credstore/ollama-influxdb-token"
    chmod 0600 "$root/etc/credstore/ollama-influxdb-token"
    inside "$installer" --binary "$package_binary" >/dev/null
    complete
    echo "purged and installed anew, token as a credential: the last 24 h read again, nothing double"
    balanced
}
