# shellcheck shell=bash
# The host under test: its disk, its power switch, and a way to run commands in it. Sourced by run.sh, which sets $work.

machine=shipper-test-$$
disk=$work/host.ext4
root=$work/root
# The InfluxDB server is another machine: its disk is spared by power cuts of this one.
server_disk=$work/server.ext4

# The kernel's EXT4_IOC_SHUTDOWN, without flushing the log: what was not synced is gone, as in a power cut.
drop_unsynced() {
    python3 - "$root" <<'PYTHON'
import fcntl, os, struct, sys
EXT4_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
PYTHON
}

attach_disks() {
    mount -o loop "$disk" "$root"
    mount -o loop "$server_disk" "$root/var/lib/influxdb"
}

detach_disks() {
    if mountpoint -q "$root"; then umount --recursive "$root"; fi
}

# inside COMMAND...: as root, in all namespaces of the host under test.
inside() {
    nsenter --target "$(cat "$work/leader")" --all -- \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root "$@"
}

as_ollama() { inside setpriv --reuid=ollama --regid=ollama --init-groups -- "$@"; }

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            echo "gave up waiting for: $what" >&2
            return 1
        fi
        sleep 0.2
    done
}

# The first process of the host: the child of systemd-nspawn that has become an init.
find_leader() { pgrep --parent "$(cat "$work/nspawn")" --exact systemd >"$work/leader"; }

booted() { [[ $(inside systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]; }

# Where no systemd gives systemd-nspawn a cgroup, it gets one of ours, so that runs do not share theirs.
enter_cgroup() {
    local hierarchy
    for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
        if [ -e "$hierarchy/cgroup.procs" ]; then
            mkdir -p "$hierarchy/$machine"
            echo "$BASHPID" >"$hierarchy/$machine/cgroup.procs"
        fi
    done
}

leave_no_cgroup() { find /sys/fs/cgroup -depth -type d -path "*/$machine*" -exec rmdir {} + 2>/dev/null || true; }

power_on() {
    local keep=()
    (
        if [ ! -d /run/systemd/system ]; then
            enter_cgroup
            keep=(--keep-unit)
        fi
        exec systemd-nspawn --quiet --boot --directory="$root" --machine="$machine" --private-network --register=no "${keep[@]}" \
            systemd.unified_cgroup_hierarchy=1
    ) >>"$work/console" 2>&1 </dev/null &
    echo $! >"$work/nspawn"
    wait_for 60 "the first process" find_leader
    wait_for 180 "the end of the boot" booted
}

is_off() { ! kill -0 "$(cat "$work/nspawn")" 2>/dev/null; }

# All processes end at once, and with them everything that was not on the disk.
power_cut() {
    kill -KILL "$(cat "$work/leader")"
    wait_for 60 "the machine to be dead" is_off
    drop_unsynced
    detach_disks
    attach_disks
}

power_off() {
    inside systemctl --no-block poweroff
    wait_for 120 "a clean shutdown" is_off
}

is_active() { [ "$(inside systemctl is-active "$1")" = active ]; }

# denied COMMAND...: the command must fail.
denied() {
    if "$@"; then
        echo "must not succeed: $*" >&2
        return 1
    fi
}
