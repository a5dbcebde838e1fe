#!/usr/bin/env bash
# Measures whole processes, about an hour in all: benches/run.sh [PART]. As root on Debian it installs syslog-ng, the rival that
# Debian has; FLUENT_BIT=path adds Fluent Bit. On an idle machine only.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! dpkg-query -W syslog-ng-mod-http >/dev/null 2>&1; then
    apt-get update -q
    # The package's own service is not wanted: there is nothing to be started here.
    DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends syslog-ng-core syslog-ng-mod-http
fi
cargo build --release --locked --bench whole
if [ "$#" -gt 0 ]; then
    exec cargo bench --locked --bench whole -- "$@"
fi
for part in pipeline scale idle; do
    printf '\n=== %s\n' "$part"
    cargo bench --locked --bench whole -- "$part"
done
