# shellcheck shell=bash
# Every option of install.sh, wrong ones too, and a failure in the middle.

# wrong_usage WHAT ARGUMENT...: exit code 2, and WHAT is said.
wrong_usage() {
    local what=$1 status=0
    shift
    inside "$installer" "$@" >"$work/usage.out" 2>&1 || status=$?
    if [ "$status" != 2 ] || ! grep -q -- "$what" "$work/usage.out"; then
        echo "exit code $status of install.sh $*" >&2
        cat "$work/usage.out" >&2
        return 1
    fi
}

install_again() { inside "$installer" --binary "$package_binary" "$@" >"$work/install.out"; }

runs_as() { is_active "$service" && [ "$(inside ps --no-headers --format user "$(main_pid)")" = "$1" ]; }

# fake PROGRAM: a program before the host's own, from standard input.
fake() {
    cat >"$root/usr/local/sbin/$1"
    chmod 0755 "$root/usr/local/sbin/$1"
}

no_fake() { rm "$root/usr/local/sbin/$1"; }

step_options() {
    wrong_usage 'unknown argument --frobnicate' --frobnicate
    wrong_usage '--binary takes a value' --binary
    wrong_usage '--user takes a value' --user
    wrong_usage '--journal-access is group or sudoers, not acl' --journal-access acl
    wrong_usage '--purge goes with --uninstall' --purge
    inside "$installer" --help | grep -q -- '--journal-access group|sudoers'

    # Installed as it is, there is nothing left to write.
    install_again --dry-run
    denied grep 'would write' "$work/install.out"
    grep -q 'would run: shipper doctor' "$work/install.out"

    # --no-start touches no running service.
    local pid
    pid=$(main_pid)
    install_again --no-start
    [ "$(main_pid)" = "$pid" ]
    grep -q 'not started' "$work/install.out"

    another_user
    failure_in_the_middle
    newer_systemd
    complete
    echo "5 wrong usages, nothing to write twice, another user and back, a failure in the middle, systemd 254"
}

# Kept until another is named, spool and configuration with it.
another_user() {
    inside "$installer" --binary "$package_binary" --user carrier --dry-run >"$work/install.out"
    grep -q '^would run: useradd --system .* carrier$' "$work/install.out"
    denied inside id carrier
    install_again --user carrier
    grep -q '^created the system user carrier$' "$work/install.out"
    [ "$(inside getent passwd carrier | cut -d : -f 6,7)" = /nonexistent:/usr/sbin/nologin ]
    runs_as carrier
    all_of carrier
    install_again
    runs_as carrier
    all_of carrier
    [ "$(inside stat -c '%a %U:%G' /etc/ollama-influxdb/config.env)" = "640 root:carrier" ]
    install_again --user ollama
    runs_as ollama
    all_of ollama
    inside userdel carrier
}

# all_of USER: the whole state directory.
all_of() { [ -z "$(inside find /var/lib/ollama-influxdb ! -user "$1")" ]; }

# Another rule of the host is broken: ours is taken out again, and the service goes on as it was.
failure_in_the_middle() {
    local line pid
    pid=$(main_pid)
    printf 'no rule at all\n' >"$root/etc/sudoers.d/broken"
    chmod 0440 "$root/etc/sudoers.d/broken"
    denied install_again --journal-access sudoers 2>"$work/middle.out"
    for line in 'it was taken out again' 'FAILED at: install /etc/sudoers.d/ollama-influxdb' '^  install /etc/ollama-influxdb/config.env' \
        '^not done:' "^  install /etc/systemd/system/$service" "^  enable and start $service"; do
        grep -q -- "$line" "$work/middle.out"
    done
    gone /etc/sudoers.d/ollama-influxdb
    [ "$(main_pid)" = "$pid" ]
    rm "$root/etc/sudoers.d/broken"
}

# Growing waits between restarts are a drop-in, which older systemds are not given.
newer_systemd() {
    gone "/etc/systemd/system/$service.d/30-restart.conf"
    fake systemctl <<'SYSTEMCTL'
#!/bin/sh
[ "$1" = --version ] && exec echo "systemd 254 (254.1)"
exec /usr/bin/systemctl "$@"
SYSTEMCTL
    install_again --no-start
    no_fake systemctl
    inside grep -q '^RestartMaxDelaySec=1min$' "/etc/systemd/system/$service.d/30-restart.conf"
    install_again --no-start
    gone "/etc/systemd/system/$service.d/30-restart.conf"
}
