# shellcheck shell=bash
# The link is cut, then names cannot be resolved.

step_network() {
    load 2000
    inside ip link set uplink down
    # It starts, and reads, without a network.
    inside systemctl restart "$service"
    is_active "$service"
    wait_for $((60 * repetitions)) "a backlog" pending_at_least $((2000 * repetitions))
    load 200
    echo "link down: $(figure pending) pending"
    inside ip link set uplink up
    complete

    load 1000
    inside systemctl stop dns
    # Connections that are open need no name.
    inside systemctl restart influxdb
    wait_for $((60 * repetitions)) "a backlog" pending_at_least $((1000 * repetitions))
    load 50
    echo "no DNS: $(figure pending) pending"
    inside systemctl start dns
    complete
    balanced
}
