# shellcheck shell=bash
# Journal access by sudo: it works, and the user can run nothing else.

# Refused by sudo, not by what it would have started.
refused() {
    local out
    if out=$(as_ollama sudo -n "$@" 2>"$work/sudo.err"); then
        echo "sudo ran: $*" >&2
        return 1
    fi
    if [ -n "$out" ] || ! head -n 1 "$work/sudo.err" | grep -qE '^(sudo: |usage: sudo )'; then
        echo "not refused by sudo: $*: $(head -n 1 "$work/sudo.err")" >&2
        return 1
    fi
}

# What the running reader has had started, as the process table shows it.
allowed_line() {
    inside pgrep --full --list-full '^/usr/bin/journalctl .*--follow' | head -n 1 | cut -d ' ' -f 2-
}

# Only in a container the boot id is a mount over that of the machine, which a unit with a /proc of its own does not see; and
# `journalctl --follow` shows the current boot only. The service is given the id that any host would show it.
same_boot_id() {
    inside sh -c 'cat /proc/sys/kernel/random/boot_id >/run/boot-id'
    inside mkdir -p "/run/systemd/system/$service.d"
    inside tee "/run/systemd/system/$service.d/boot-id.conf" >/dev/null <<'CONF'
[Service]
BindReadOnlyPaths=/run/boot-id:/proc/sys/kernel/random/boot_id
CONF
}

step_sudoers() {
    same_boot_id
    inside "$installer" --binary "$package_binary" --journal-access sudoers >/dev/null
    prompt
    complete
    local line J C attempts=0
    wait_for 60 "the reader's journalctl" has_reader
    line=$(allowed_line)
    C=${line##*--cursor=}
    J=${line%% --follow*}
    # The lists that are allowed.
    # shellcheck disable=SC2086 # several words
    as_ollama sudo -n $J "--cursor=$C" >"$work/allowed"
    grep -q '^__CURSOR=' "$work/allowed"
    while read -r attempt; do
        case $attempt in "" | "#"*) continue ;; esac
        local -a words
        eval "words=($attempt)"
        refused "${words[@]}"
        attempts=$((attempts + 1))
    done <"$here/sudo-attempts.txt"
    echo "$attempts attempts refused"
    exposure sudoers 10
    prompt
    complete
    balanced

    inside "$installer" --binary "$package_binary" --journal-access group >/dev/null
    denied inside test -e /etc/sudoers.d/ollama-influxdb
    complete
    echo "back to group"
}

has_reader() { [ -n "$(allowed_line)" ]; }
