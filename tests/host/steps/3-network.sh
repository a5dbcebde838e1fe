# shellcheck shell=bash
# The link is cut, then names cannot be resolved.

step_network() {
    load 200
    inside ip link set uplink down
    wait_for 60 "a backlog" pending_at_least $((2000 * repetitions))
    echo "link down: $(figure pending) pending"
    inside ip link set uplink up
    complete

    inside systemctl stop dns
    # Connections that are open need no name.
    inside systemctl restart influxdb
    wait_for 60 "a backlog" pending_at_least $((1000 * repetitions))
    echo "no DNS: $(figure pending) pending"
    inside systemctl start dns
    complete
    balanced
}
