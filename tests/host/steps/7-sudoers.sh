# shellcheck shell=bash
# Journal access by sudo: it works, and the user gets nothing else by it.

rule=/etc/sudoers.d/ollama-influxdb
config=/etc/ollama-influxdb/config.env

# What no user but root and the group may know.
secret=swordfish

# Refused by sudo, not by what it would have started.
refused() {
    local out
    if out=$(as_ollama sudo -n "$@" 2>"$work/sudo.err"); then
        echo "sudo ran: $*" >&2
        return 1
    fi
    if [ -n "$out" ] || ! head -n 1 "$work/sudo.err" | grep -qE '^(sudo: |usage: sudo |Sorry, user )'; then
        echo "not refused by sudo: $*: $(head -n 1 "$work/sudo.err")" >&2
        return 1
    fi
}

# ask UNIT...: what the user gets of these units by hand.
ask() { as_ollama /usr/local/bin/ask "$@" >"$work/fed" 2>"$work/ask.err"; }

# ask_refused WHAT UNIT...: nothing, and WHAT is said.
ask_refused() {
    local what=$1 status=0
    shift
    ask "$@" || status=$?
    if [ "$status" != 3 ] || ! grep -q -- "$what" "$work/ask.err" || grep -aq "$secret" "$work/fed"; then
        echo "feed of $*: exit code $status, $(head -c 300 "$work/ask.err")" >&2
        return 1
    fi
}

# The child that reads for the service.
feed_pid() { inside pgrep --newest --full --exact '/proc/self/exe feed'; }

has_said() { inside journalctl --quiet --no-pager --unit="$service" --since="@$1" --grep="$2" >/dev/null; }

# by_hand: what is followed comes, and nothing else, whatever is asked for and whoever the configuration belongs to.
by_hand() {
    inside systemd-run --quiet --wait --unit=bank sh -c "echo the password is $secret"
    inside journalctl --sync
    inside journalctl --quiet --no-pager --unit=bank.service --grep="$secret" >/dev/null
    denied as_ollama journalctl --quiet --no-pager --unit=bank.service --grep="$secret" >/dev/null 2>&1

    ask ollama.service
    grep -aq 'seq=' "$work/fed"
    denied grep -aq "$secret" "$work/fed"
    ask_refused 'bank.service is not followed by' bank.service
    ask_refused 'bank.service is not followed by' ollama.service bank.service
    ask_refused 'is not followed by' user:bank.service

    inside chown ollama "$config"
    ask_refused "has to be root's" ollama.service
    inside chown root "$config"
    inside chmod g+w "$config"
    ask_refused "has to be root's" ollama.service
    inside chmod g-w "$config"
    inside chown ollama /etc/ollama-influxdb
    ask_refused "has to be root's" ollama.service
    inside chown root /etc/ollama-influxdb
    ask ollama.service

    local pid name
    pid=$(feed_pid)
    [ "$(inside ps --no-headers --format user,group "$pid" | tr -s ' ')" = "ollama systemd-journal" ]
    for name in mem environ fd/0; do
        denied as_ollama head --bytes=1 "/proc/$pid/$name" >"$work/peeked" 2>/dev/null
        [ ! -s "$work/peeked" ]
    done
    echo "by hand: $(grep -ac 'seq=' "$work/fed") lines of its unit, none of another"
}

# What is not allowed is said in the log, with what fixes it.
says_what_is_wrong() {
    local begin
    begin=$(date +%s)
    inside mkdir -p "/run/systemd/system/$service.d"
    inside tee "/run/systemd/system/$service.d/units.conf" >/dev/null <<'CONF'
[Service]
Environment=SHIPPER_JOURNAL_UNITS=ollama.service,bank.service
CONF
    inside systemctl daemon-reload
    inside systemctl --no-block restart "$service"
    wait_for 30 "a word about the unit" has_said "$begin" 'bank.service is not followed by .*config.env'
    inside rm "/run/systemd/system/$service.d/units.conf"
    inside systemctl daemon-reload

    # The rule of 0.1, left in place.
    cp "$root$rule" "$work/rule"
    inside sh -c "cat >$rule" <<'RULE'
Cmnd_Alias OLLAMA_INFLUXDB_JOURNAL = \
    /usr/bin/journalctl ^--no-pager --output=export --output-fields=MESSAGE,_PID --unit=ollama[.]service --lines=1$
ollama ALL = (root) NOPASSWD: OLLAMA_INFLUXDB_JOURNAL
RULE
    begin=$(date +%s)
    # It is not up before it could read.
    inside systemctl --no-block restart "$service"
    wait_for 30 "a word about the rule" has_said "$begin" 'a password is required.*install.sh --journal-access sudoers'
    inside "$installer" --binary "$package_binary" >/dev/null
    cmp "$root$rule" "$work/rule"
    echo "the old rule and a unit of a drop-in are named"
}

step_sudoers() {
    inside "$installer" --binary "$package_binary" --journal-access sudoers >/dev/null
    [ "$(inside stat -c '%a %U' "$rule")" = "440 root" ]
    [ "$(inside stat -c '%a %U' "$config")" = "640 root" ]
    denied grep -qw systemd-journal <(as_ollama id -nG)
    install -m 0755 "$here/files/ask" "$root/usr/local/bin/ask"
    prompt
    complete
    load 400
    local round
    for ((round = 0; round < 5 * repetitions; round++)); do
        inside systemctl restart "$service"
        sleep "0.$((RANDOM % 10))"
        restart_journald
        inside journalctl --quiet --rotate
        inside pkill --signal KILL --full --exact '/proc/self/exe feed' || true
        sleep "0.$((RANDOM % 10))"
    done
    load 50
    complete
    echo "$round restarts, rotations, and children killed"

    by_hand
    local attempts=0 S=/usr/local/bin/shipper G="-g systemd-journal" attempt
    inside ln -sf /usr/bin/id /usr/share/ollama/shipper
    while read -r attempt; do
        case $attempt in "" | "#"*) continue ;; esac
        local -a words
        eval "words=($attempt)"
        refused "${words[@]}"
        attempts=$((attempts + 1))
    done <"$here/sudo-attempts.txt"
    echo "$attempts attempts refused"
    says_what_is_wrong
    exposure sudoers 1.9
    prompt
    complete
    balanced

    inside "$installer" --binary "$package_binary" --journal-access group >/dev/null
    denied inside test -e "$rule"
    complete
    echo "back to group"
}
