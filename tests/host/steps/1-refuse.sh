# shellcheck shell=bash
# What install.sh refuses, and that it then changes nothing.

# refuses WHAT ARGUMENT...: install.sh fails, says WHAT, and that nothing was changed.
refuses() {
    local what=$1
    shift
    denied inside "$installer" "$@" >"$work/refuse.out" 2>&1
    if ! grep -q -- "$what" "$work/refuse.out" || ! grep -q 'nothing was changed' "$work/refuse.out"; then
        cat "$work/refuse.out" >&2
        return 1
    fi
}

changed_files() { inside find /etc /usr/local -newer /root/mark -type f; }

step_refuse() {
    inside sh -c 'touch /root/mark; sleep 0.1'
    refuses "not an executable" --binary /etc/passwd
    refuses "does not run on this host" --binary /bin/false
    refuses "user nobody-here does not exist" --binary "$package_binary" --user nobody-here
    refuses "cargo is not installed"
    # A sudo that does not know regular expressions: older than 1.9.10.
    printf '#!/bin/sh\necho Sudo version 1.9.9\n' >"$root/usr/local/sbin/sudo"
    chmod 0755 "$root/usr/local/sbin/sudo"
    inside touch /root/mark
    refuses "sudo 1.9.9 cannot match arguments by regular expression" --binary "$package_binary" --journal-access sudoers
    rm "$root/usr/local/sbin/sudo"
    denied as_ollama "$installer" --binary "$package_binary" 2>/dev/null
    inside "$installer" --binary "$package_binary" --journal-access sudoers --dry-run >"$work/dry.out"
    grep -q 'would write: /etc/sudoers.d/ollama-influxdb' "$work/dry.out"
    [ -z "$(changed_files)" ]
    echo "5 refusals and a dry run, nothing changed"
}
