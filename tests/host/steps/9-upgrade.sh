# shellcheck shell=bash
# Upgrade over an old spool, uninstall, reinstall, purge.

# Ollama with a group that is not its user's, and its models where a sandboxed service does not look.
ollama_elsewhere() {
    inside groupadd --force llm
    inside mkdir -p /home/llm/models /run/systemd/system/ollama.service.d
    inside cp -r /usr/share/ollama/.ollama/models/manifests /home/llm/models
    inside rm -r /home/llm/models/manifests/registry.ollama.ai/library/qwen2.5-coder
    inside tee /run/systemd/system/ollama.service.d/elsewhere.conf >/dev/null <<'CONF'
[Service]
Group=llm
Environment=OLLAMA_MODELS=/home/llm/models
CONF
    inside systemctl daemon-reload
}

ollama_at_home() {
    inside rm -r /run/systemd/system/ollama.service.d
    inside systemctl daemon-reload
}

inventory_is_of_home() {
    query "SELECT last(models_json) FROM ollama_models_inventory" >"$work/inventory"
    grep -q 'llama3.2' "$work/inventory" && ! grep -q 'qwen2.5-coder' "$work/inventory"
}

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
    ollama_elsewhere
    inside "$installer" --binary "$package_binary" --no-start >/dev/null
    denied is_active "$service"
    inside grep -q "^OLLAMA_MODELS='/home/llm/models'" /etc/ollama-influxdb/config.env
    configure "INFLUXDB_TOKEN="
    # This time the token is a credential.
    inside install -d -m 0700 /etc/credstore
    printf '%s' "$shipper_login" >"$root/etc/credstore/ollama-influxdb-token"
    chmod 0600 "$root/etc/credstore/ollama-influxdb-token"
    inside "$installer" --binary "$package_binary" >/dev/null
    [ "$(inside stat -c '%a %U:%G' /etc/ollama-influxdb/config.env)" = "640 root:llm" ]
    [ "$(in_force Group)" = llm ]
    wait_for 60 "the inventory of the other directory" inventory_is_of_home
    echo "found Ollama's group, and its models in a home"
    # That group is not the user's own: `shipper feed` is not in it, and reads the configuration all the same.
    inside "$installer" --binary "$package_binary" --journal-access sudoers >/dev/null
    [ "$(inside stat -c '%a %U:%G' /etc/ollama-influxdb/config.env)" = "640 root:ollama" ]
    [ "$(in_force Group)" = llm ]
    prompt
    inside "$installer" --binary "$package_binary" --journal-access group >/dev/null
    [ "$(inside stat -c '%a %U:%G' /etc/ollama-influxdb/config.env)" = "640 root:llm" ]
    ollama_at_home
    complete
    echo "purged and installed anew, token as a credential: the last 24 h read again, nothing double"
    balanced
}
