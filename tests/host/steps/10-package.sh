# shellcheck shell=bash
# The Debian package: the same files, installed and removed by dpkg.

step_package() {
    inside "$installer" --uninstall --purge >/dev/null
    local package
    install -D "$binary" "$work/target/release/shipper"
    package=$(CARGO_TARGET_DIR=$work/target "$project/deploy/debian/build.sh" --no-build --output "$work" | tail -n 1)
    cp "$package" "$root/root/shipper.deb"
    inside dpkg --install /root/shipper.deb >"$work/dpkg.out" 2>&1
    denied is_active "$service"
    configure
    inside /usr/share/ollama-influxdb/install.sh --packaged >/dev/null
    is_active "$service"
    extras /usr vendor-completions
    load 200
    complete
    inside dpkg --install /root/shipper.deb >"$work/dpkg.out" 2>&1
    is_active "$service"
    inside dpkg --remove ollama-influxdb >"$work/dpkg.out" 2>&1
    gone /usr/bin/shipper "/etc/systemd/system/$service"
    no_extras /usr vendor-completions
    inside test -e /var/lib/ollama-influxdb/spool
    inside dpkg --purge ollama-influxdb >"$work/dpkg.out" 2>&1
    gone /var/lib/ollama-influxdb /etc/ollama-influxdb
    echo "package installed, configured, installed over itself, removed, purged"
}
