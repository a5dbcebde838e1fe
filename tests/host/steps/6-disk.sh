# shellcheck shell=bash
# The file system of the state directory is full, then there is room again.

# The state directory on a file system of its own, or back on that of the host.
state_of_its_own() {
    truncate -s 160M "$work/state.ext4"
    mkfs.ext4 -q -m 0 "$work/state.ext4"
    mkdir "$work/state"
    mount -o loop "$work/state.ext4" "$work/state"
    cp -a "$root$state/." "$work/state"
    umount "$work/state"
    mount -o loop "$work/state.ext4" "$root$state"
}

state_of_the_host() {
    umount "$root$state"
    mount -o loop "$work/state.ext4" "$work/state"
    rm -rf "${root:?}$state/spool"
    cp -a "$work/state/spool" "$root$state/spool"
    umount "$work/state"
}

no_room() { [ "$(df --output=avail -B1 "$root$state" | tail -n 1)" -lt 65536 ]; }

fill_disk() {
    dd if=/dev/zero of="$root$state/filler" bs=64k count=100000 oflag=append conv=notrunc 2>/dev/null || true
    dd if=/dev/zero of="$root$state/filler2" bs=1k count=100000 oflag=append conv=notrunc 2>/dev/null || true
    no_room
}

# What the spool gives up of what is delivered is taken, too.
is_full() {
    [ "$(figure full)" = True ] && return
    fill_disk || true
    return 1
}

# Since note_journal.
journal_grew_by() {
    local before
    before=$(wc -l <"$work/journal")
    [ "$(inside journalctl --no-pager --unit=ollama.service --output=cat | wc -l)" -ge $((before + $1)) ]
}

step_disk() {
    power_off
    state_of_its_own
    power_on
    start_server
    load 400
    complete
    fill_disk
    wait_for 60 "the service to find no room" is_full
    # Nothing can be kept; the journal keeps it.
    local before
    before=$(figure read)
    note_journal
    wait_for $((60 * repetitions)) "lines in the journal" journal_grew_by $((2000 * repetitions))
    is_active "$service"
    echo "full disk: $(($(figure read) - before)) of $((2000 * repetitions)) lines read meanwhile, $(restarts) restarts"
    rm "$root$state/filler" "$root$state/filler2"
    complete
    balanced
    power_off
    state_of_the_host
    power_on
    start_server
    wait_for 60 "the service" is_active "$service"
}
