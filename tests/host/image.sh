#!/usr/bin/env bash
# Makes the image of the host under test and prints its path: a Debian with systemd, sudo and InfluxDB on one ext4 file system.
# Kept under the cache directory, under a name that changes with this script, so that a later run finds it ready.
set -euo pipefail

suite=bookworm
mirror=http://deb.debian.org/debian
# dnsmasq answers for the name of the InfluxDB server; faketime steps the clock of chosen services only.
packages=systemd,systemd-sysv,dbus,sudo,influxdb,curl,ca-certificates,iproute2,procps,less,dnsmasq-base,libfaketime,python3-minimal
size=2G

cache=${XDG_CACHE_HOME:-$HOME/.cache}/shipper-host
image=$cache/debian-$(sha256sum "$0" | cut -c1-12).ext4
if [ -e "$image" ]; then
    echo "$image"
    exit 0
fi

mkdir -p "$cache"
# One that is being made already is waited for.
exec 9>"$cache/lock"
flock 9
if [ -e "$image" ]; then
    echo "$image"
    exit 0
fi
work=$(mktemp -d -p "$cache")
trap 'rm -rf "$work"' EXIT
{
    debootstrap --variant=minbase --include="$packages" "$suite" "$work/root" "$mirror"
    chroot "$work/root" apt-get clean
    rm -rf "$work"/root/var/lib/apt/lists/* "$work/root/etc/machine-id"
    # What the host under test is: no network but its own, nobody at a console, a journal on disk.
    chroot "$work/root" systemctl mask --quiet \
        systemd-networkd.service systemd-resolved.service console-getty.service getty@.service apt-daily.timer apt-daily-upgrade.timer
    chroot "$work/root" systemctl disable --quiet influxdb.service
    mkdir -p "$work/root/var/log/journal"
    echo testhost >"$work/root/etc/hostname"
    truncate -s "$size" "$work/image"
    mkfs.ext4 -q -d "$work/root" "$work/image"
} >&2
mv "$work/image" "$image"
echo "$image"
