# shellcheck shell=bash
# Whom the service runs as: Ollama is root, Ollama's home is closed, and a service that has been root until now.

ollama_of() {
    inside mkdir -p /run/systemd/system/ollama.service.d
    printf '[Service]\nUser=%s\nGroup=%s\n' "$1" "$1" >"$work/user.conf"
    inside tee /run/systemd/system/ollama.service.d/user.conf <"$work/user.conf" >/dev/null
    inside systemctl daemon-reload
}

# from_nothing: what install.sh decides on a host that never had it.
from_nothing() {
    inside "$installer" --uninstall --purge >"$work/purge.out"
    inside "$installer" --binary "$package_binary" --no-start "$@" >"$work/install.out"
    configure "OLLAMA_MODELS=${models_at:-}"
    inside "$installer" --binary "$package_binary" "$@" >>"$work/install.out" 2>&1
}

doctor_is_content() {
    if grep -E '^(FAIL|WARN)' "$work/install.out" >&2; then return 1; fi
}

# The next snapshot is of what comes next.
begin_inventory() { change "DROP MEASUREMENT ollama_models_inventory"; }

step_users() {
    local drop_in=/etc/systemd/system/$service.d/20-models.conf
    # As Ollama makes them: 0755 and 0644, in a home that is root's own, 0700.
    inside cp -r /usr/share/ollama/.ollama /root/.ollama
    inside chown -R root:root /root/.ollama
    inside chmod -R u=rwX,go=rX /root/.ollama
    inside chmod 0700 /root
    ollama_of root
    idle
    begin_inventory
    from_nothing
    grep -q 'ollama.service runs as root: the service gets a user of its own, shipper' "$work/install.out"
    grep -q '^created the system user shipper$' "$work/install.out"
    doctor_is_content
    runs_as shipper
    all_of shipper
    [ "$(inside stat -c '%a %U:%G' /etc/ollama-influxdb/config.env)" = "640 root:shipper" ]
    inside grep -qx 'BindReadOnlyPaths="-/root/.ollama/models"' "$drop_in"
    wait_for 30 "the inventory of root's Ollama" inventory_is_there
    load 100
    complete
    # No more of root's home is seen than the models.
    denied inside nsenter --target "$(main_pid)" --mount -- test -e /root/shipper
    echo "Ollama is root: shipper"

    # Ollama's own home, closed to others.
    ollama_of ollama
    inside chmod 0750 /usr/share/ollama
    begin_inventory
    from_nothing --user shipper --journal-access sudoers
    grep -q 'kept the user shipper' "$work/purge.out"
    doctor_is_content
    runs_as shipper
    inside grep -qx 'TemporaryFileSystem="/usr/share/ollama:ro"' "$drop_in"
    wait_for 30 "the inventory of a closed home" inventory_is_there
    [ "$(inside stat -c %a /usr/share/ollama)" = 750 ]
    load 100
    complete
    inside "$installer" --binary "$package_binary" --journal-access group >"$work/install.out"
    echo "a closed home: shipper, by sudo"

    # As 0.1 has installed it beside a root Ollama.
    ollama_of root
    inside systemctl stop "$service"
    inside sed -i 's/^User=.*/User=root/; s/^Group=.*/Group=root/' "/etc/systemd/system/$service"
    inside chown -R root:root /var/lib/ollama-influxdb
    inside systemctl daemon-reload
    inside "$installer" --binary "$package_binary" >"$work/install.out"
    grep -q 'the service runs as root: --user shipper gives it a user of its own' "$work/install.out"
    runs_as root
    load 100
    complete
    inside "$installer" --binary "$package_binary" --user shipper >"$work/install.out"
    grep -q '/var/lib/ollama-influxdb given to shipper$' "$work/install.out"
    runs_as shipper
    all_of shipper
    wait_for 30 "the inventory" inventory_is_there
    complete
    echo "root until now: told, and handed over to shipper"

    # Root's commands of 0.1 have left files of root's in its spool.
    inside systemctl stop "$service"
    inside sh -c 'chown root:root /var/lib/ollama-influxdb/spool/MANIFEST /var/lib/ollama-influxdb/spool/gen-*/db'
    inside "$installer" --binary "$package_binary" >"$work/install.out"
    grep -q ' of /var/lib/ollama-influxdb given to shipper$' "$work/install.out"
    runs_as shipper
    all_of shipper
    complete
    # Nothing is left to give, and a running service stays what it is.
    inside "$installer" --binary "$package_binary" --no-start >"$work/install.out"
    denied grep -q 'given' "$work/install.out"
    echo "what 0.1 left root's: given back"

    inside rm -rf /run/systemd/system/ollama.service.d /root/.ollama
    inside chmod 0755 /usr/share/ollama
    inside systemctl daemon-reload
    from_nothing
    inside userdel shipper
    runs_as ollama
    load 100
    complete
    balanced
}
