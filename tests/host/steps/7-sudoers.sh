# shellcheck shell=bash
# Journal access by sudo: it works, and the user can run nothing else.

# Refused by sudo, not by what it would have started.
refused() {
    local out
    if out=$(as_ollama sudo -n "$@" 2>"$work/sudo.err"); then
        echo "sudo ran: $*" >&2
        return 1
    fi
    if [ -n "$out" ] || ! grep -qE '^sudo: (a password is required|sorry, |you are not|.*not allowed)|command not found|^usage: sudo|^sudo: ' "$work/sudo.err"; then
        echo "not refused by sudo: $*: $(head -n 1 "$work/sudo.err")" >&2
        return 1
    fi
}

# The argument lists of the running service's sudo children and of its other tasks, from its own source of truth: the process table.
allowed_line() {
    inside pgrep --full --list-full '^/usr/bin/journalctl .*--follow' | head -n 1 | cut -d ' ' -f 2-
}

step_sudoers() {
    inside "$installer" --binary "$package_binary" --journal-access sudoers >/dev/null
    load 200
    complete
    local line J C attempts=0
    wait_for 20 "the reader's journalctl" has_reader
    line=$(allowed_line)
    C=${line##*--cursor=}
    J=${line%% --follow*}
    # The lists that are allowed.
    as_ollama sudo -n $J "--cursor=$C" | grep -q '^__CURSOR='
    while read -r attempt; do
        case $attempt in "" | "#"*) continue ;; esac
        local -a words
        eval "words=($attempt)"
        refused "${words[@]}"
        attempts=$((attempts + 1))
    done <"$here/sudo-attempts.txt"
    echo "$attempts attempts refused"
    exposure sudoers 10
    load 200
    complete
    balanced

    inside "$installer" --binary "$package_binary" --journal-access group >/dev/null
    denied inside test -e /etc/sudoers.d/ollama-influxdb
    complete
    echo "back to group"
}

has_reader() { [ -n "$(allowed_line)" ]; }
