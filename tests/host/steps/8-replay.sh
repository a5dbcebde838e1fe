# shellcheck shell=bash
# The database was dropped and restored from an older backup.

step_replay() {
    idle
    complete
    inside rm -rf /var/backups/influxdb
    inside influxd backup -portable -host 127.0.0.1:8088 -database ollama /var/backups/influxdb >/dev/null 2>&1
}
