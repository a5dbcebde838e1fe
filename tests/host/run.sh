#!/usr/bin/env bash
# The service on a real host: a Debian booted in a container, with a stand-in for Ollama, a real InfluxDB and the project's install.sh.
#
#   tests/host/run.sh [--binary FILE] [--long] [STEP...]
#
# --binary FILE  the shipper to install instead of a release build
# --long         five times the repetitions, outages and backlogs: 100 kills, 25 power cuts; about a quarter of an hour
# STEP           run only these steps (and the first, which installs); see steps/
#
# Needs root, systemd-nspawn, debootstrap and loop devices; without them it says so and exits 0. Prints one line a step with its
# figures, then `N passed, N failed`; exits 1 if a step failed.
set -euo pipefail
# In mounts of its own: a copy of them in somebody else's would keep a disk in use whose power was cut.
if [ -z "${SHIPPER_HOST_MOUNTS:-}" ] && [ "$(id -u)" = 0 ] && command -v unshare >/dev/null; then
    export SHIPPER_HOST_MOUNTS=own
    exec unshare --mount --propagation private -- "$0" "$@"
fi
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)

binary=
repetitions=1
chosen=()
while [ $# -gt 0 ]; do
    case $1 in
    --binary)
        binary=$(realpath "$2")
        shift
        ;;
    --long) repetitions=5 ;;
    -*)
        echo "run.sh: unknown option $1" >&2
        exit 2
        ;;
    *) chosen+=("$1") ;;
    esac
    shift
done

lacks=
[ "$(id -u)" = 0 ] || lacks="root"
for program in systemd-nspawn debootstrap nsenter losetup mkfs.ext4 curl python3; do
    command -v "$program" >/dev/null || lacks="$lacks $program"
done
[ -e /dev/loop-control ] || lacks="$lacks loop devices"
if [ -n "$lacks" ]; then
    printf '\n*** SKIPPED: the service on a real host; this machine lacks: %s ***\n\n' "$lacks"
    exit 0
fi

if [ -z "$binary" ]; then
    (cd "$project" && cargo build --quiet --release --locked)
    binary=${CARGO_TARGET_DIR:-$project/target}/release/shipper
fi
image=$("$here/image.sh")

work=$(mktemp -d)
export work
# shellcheck source=tests/host/host.sh
. "$here/host.sh"
# shellcheck source=tests/host/server.sh
. "$here/server.sh"
# shellcheck source=tests/host/service.sh
. "$here/service.sh"
for file in "$here"/steps/*.sh; do
    # shellcheck source=/dev/null
    . "$file"
done

finish() {
    if [ -s "$work/leader" ] && ! is_off; then
        kill -KILL "$(cat "$work/leader")" 2>/dev/null || true
        wait_for 60 "the machine to be dead" is_off || true
    fi
    leave_no_cgroup
    detach_disks && rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

# What a host has before shipper comes to it.
prepare_disk() {
    cp --sparse=always "$image" "$disk"
    truncate -s 1G "$server_disk"
    mkfs.ext4 -q "$server_disk"
    mkdir "$root"
    attach_disks
    chroot "$root" chown influxdb:influxdb /var/lib/influxdb
    install -m 0755 "$here/files/ollama" "$root/usr/local/bin/ollama"
    install -m 0644 -t "$root/etc/systemd/system" "$here"/files/*.service
    install -D -m 0644 -t "$root/etc/systemd/system/influxdb.service.d" "$here/files/influxdb.service.d/server.conf"
    install -m 0644 "$here/files/influxdb.conf" "$root/etc/influxdb/influxdb.conf"
    echo "127.0.0.1 localhost testhost" >"$root/etc/hosts"
    echo "nameserver 127.0.0.1" >"$root/etc/resolv.conf"
    # Every line counts here: journald is not to drop any of a burst.
    install -D -m 0644 "$here/files/journald.conf" "$root/etc/systemd/journald.conf.d/test.conf"
    mkdir "$root/root/shipper"
    cp -r "$project"/{install.sh,README.md,config.env.example,deploy} "$root/root/shipper"
    install -m 0755 "$binary" "$root/root/shipper/shipper"
    chroot "$root" useradd --system --create-home --home-dir /usr/share/ollama ollama
    cp -r "$here/files/models" "$root/usr/share/ollama/.ollama"
    chroot "$root" chown -R ollama:ollama /usr/share/ollama
    systemctl --quiet --root="$root" enable server-network.service dns.service
}

passed=0
failed=0
# run_step NAME FUNCTION: in a subshell where any failed command ends the step.
run_step() {
    local status begin=$SECONDS
    set +e
    (
        set -e
        "$2"
    ) >"$work/out" 2>"$work/err"
    status=$?
    set -e
    if [ "$status" = 0 ]; then
        passed=$((passed + 1))
        printf 'ok    %-9s %3d s  %s\n' "$1" $((SECONDS - begin)) "$(paste -sd ';' "$work/out" | sed 's/;/; /g')"
    else
        failed=$((failed + 1))
        printf 'FAIL  %-9s %3d s  %s\n' "$1" $((SECONDS - begin)) "$(paste -sd ';' "$work/out" | sed 's/;/; /g')"
        {
            cat "$work/err"
            inside journalctl --no-pager --lines=15 --unit="$service" || tail -n 20 "$work/console"
        } 2>&1 | sed 's/^/        /'
    fi
}

wanted() {
    [ "${#chosen[@]}" = 0 ] || [[ " ${chosen[*]} " = *" $1 "* ]]
}

prepare_disk
power_on
echo "host: $(inside systemctl --version | head -n 1), $(inside sudo -V | head -n 1), InfluxDB $(inside influxd version | cut -d ' ' -f 2)"
run_step install step_install
for name in refuse options users attacker outage network crash journal kinds limit disk sudoers replay upgrade old package; do
    if wanted "$name"; then run_step "$name" "step_$name"; fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
