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
    refuses "/bin/false is not a shipper" --binary /bin/false
    refuses "/bin/true is not a shipper" --binary /bin/true
    refuses "is no name for a system user" --binary "$package_binary" --user 'Nobody Here'
    refuses "cargo is not installed"
    fake cargo <<<$'#!/bin/sh\nexit 1'
    fake rustc <<<$'#!/bin/sh\necho rustc 1.80.0'
    refuses "there is nothing to build here"
    echo 'rust-version = "1.91"' >"$root/root/shipper/Cargo.toml"
    inside touch /root/mark
    refuses "Rust 1.80.0 is too old: install 1"
    no_fake cargo
    no_fake rustc
    rm "$root/root/shipper/Cargo.toml"
    # A sudo that does not know all of the rule.
    fake sudo <<<$'#!/bin/sh\necho Sudo version 1.8.28p1'
    inside touch /root/mark
    refuses "needs sudo 1.8.29 or later, not 1.8.28" --binary "$package_binary" --journal-access sudoers
    no_fake sudo
    # Where any user can read it.
    install -m 0755 "$root$installer" "$root/var/tmp/install.sh"
    denied as_ollama /var/tmp/install.sh --binary "$package_binary" 2>"$work/refuse.out"
    grep -q 'run it as root' "$work/refuse.out"
    inside "$installer" --binary "$package_binary" --journal-access sudoers --dry-run >"$work/dry.out"
    grep -q 'would write: /etc/sudoers.d/ollama-influxdb' "$work/dry.out"
    [ -z "$(changed_files)" ]
    echo "9 refusals and a dry run, nothing changed"
}
