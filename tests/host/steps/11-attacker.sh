# shellcheck shell=bash
# The service's user plants links, pipes, sockets and directories wherever a command of root's goes. Nothing of the host changes by what
# root then does, nothing hangs, and nothing in the spool becomes root's.

spool=$state/spool
# What may change: logs, the server, what systemd keeps for itself, and the spool, which has checks of its own.
may_change=(/proc /sys /dev /var/log /var/lib/influxdb "$state" /run/systemd /run/log /run/udev /run/user /run/ollama-influxdb
    /var/lib/systemd /usr/share/ollama/out /root/copy /root/everything)

note_everything() { inside python3 /root/everything/everything.py "${may_change[@]}" >"$work/everything.$1"; }

nothing_changed() {
    note_everything after
    diff "$work/everything.before" "$work/everything.after" >&2 || {
        echo "what root did changed the host, after: $1" >&2
        return 1
    }
}

# As it was before the attack.
good_spool() { inside sh -c "rm -rf $state && cp -a /root/copy $state"; }

# plant KIND PLACE: by the service's user, who has all rights there; what takes root to make is made for it.
plant() {
    local place=$spool/$2
    [ "$2" != . ] || place=$spool
    as_ollama rm -rf "$place"
    case $1 in
    file) as_ollama ln -s /etc/victim "$place" ;;
    missing) as_ollama ln -s /etc/planted "$place" ;;
    directory) as_ollama ln -s /etc/victims "$place" ;;
    loop) as_ollama ln -s "$place" "$place" ;;
    pipe) as_ollama mkfifo "$place" ;;
    empty) as_ollama mkdir "$place" ;;
    socket) as_ollama python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$place" ;;
    hard) inside ln -f /etc/victim "$place" ;;
    device) inside mknod "$place" c 1 3 && inside chown ollama "$place" ;;
    esac
}

# Every command of root's; none may wait for what was planted. What each has to say is not looked at here.
root_commands() {
    inside bash -s "$1" <<'COMMANDS' >"$work/commands" 2>&1
cd /root
shopt -s nullglob
for command in "status" "spool stats --json" "spool ls" "spool show 0" "spool verify" "spool verify --repair" "spool export --output /usr/share/ollama/out/lines" \
    "spool recover" "spool recover --drop" "spool purge --match nothing-like-it" "quarantine ls" "quarantine drop --all" "replay" \
    "report --html /usr/share/ollama/out/page.html" "doctor" "backfill --since 1s" "run --once"; do
    [[ $command =~ ^($1) ]] || continue
    # shellcheck disable=SC2086
    timeout 30 shipper $command </dev/null
    status=$?
    echo "### $command: $status"
    [ "$status" -lt 100 ] || exit 1
done
COMMANDS
}

# attack WHAT [COMMANDS]: what was planted, and the commands that begin so; all, if none are named.
attack() {
    root_commands "${2:-}" || {
        echo "$1: a command hung or crashed:" >&2
        tail -n 20 "$work/commands" >&2
        return 1
    }
    denied inside test -e /etc/planted
    inside cmp -s /etc/victim /root/everything/victim || {
        echo "$1: the victim was written to" >&2
        return 1
    }
    local roots
    roots=$(inside find "$state" -xdev -user root -links 1 ! -type c)
    if [ -n "$roots" ]; then
        echo "$1: these became root's: $roots" >&2
        return 1
    fi
    attacks=$((attacks + 1))
}

prepare_attack() {
    configure
    inside mkdir -p /root/everything /etc/victims
    install -m 0755 "$here/everything.py" "$root/root/everything/everything.py"
    printf 'precious\n' >"$root/etc/victim"
    chmod 0600 "$root/etc/victim"
    cp -p "$root/etc/victim" "$root/root/everything/victim"
    printf 'MANIFEST\n' >"$root/etc/victims/MANIFEST"
    load 200
    complete
    idle
    wait_for 60 "an empty spool" nothing_pending
    inside systemctl stop "$service"
    inside rm -rf /root/copy
    inside cp -a "$state" /root/copy
    as_ollama mkdir -p /usr/share/ollama/out
    # One attempt each that must not count as a change of the host.
    inside shipper spool stats >/dev/null
    note_everything before
}

# Each place with each kind that makes sense there; the first generation stands for all.
attack_spool() {
    local generation place kind
    generation=$(inside ls "$spool" | grep -m 1 '^gen-')
    for place in . LOCK LOCK.new MANIFEST MANIFEST.new ballast "$generation" "$generation/db" "$generation/conf" "$generation/blobs" gen-0000000099 damaged-gen-0000000099; do
        for kind in $(kinds_of "$place"); do
            good_spool
            plant "$kind" "$place"
            attack "$kind as $place" "$(commands_of "$kind")"
        done
    done
    nothing_changed "places of the spool"
}

# A link to a file, and one more kind in turn: each kind comes to several places.
turn=0
kinds_of() {
    local others=(missing directory pipe socket hard device loop empty)
    case $1 in
    MANIFEST.new | LOCK) echo file "${others[@]}" ;;
    *) echo file "${others[turn++ % ${#others[@]}]}" "${others[turn++ % ${#others[@]}]}" ;;
    esac
}

# A link to a file is tried with all commands; the rest with those that open the spool each in a way of its own.
commands_of() { [ "$1" = file ] || echo "status|spool stats|spool verify --repair|run"; }

# Where files are asked for, and where the service listens: both in the user's hands.
attack_places() {
    local kind out=/usr/share/ollama/out name
    for kind in file missing directory pipe empty; do
        good_spool
        for name in lines page.html; do
            as_ollama rm -rf "$out/$name"
            case $kind in
            file) as_ollama ln -s /etc/victim "$out/$name" ;;
            missing) as_ollama ln -s /etc/planted "$out/$name" ;;
            directory) as_ollama ln -s /etc/victims "$out/$name" ;;
            pipe) as_ollama mkfifo "$out/$name" ;;
            empty) as_ollama mkdir "$out/$name" ;;
            esac
        done
        attack "$kind as a file that is asked for" "spool export|report"
    done
    inside rm -rf "$out"
    as_ollama mkdir "$out"
    for kind in file missing pipe socket; do
        inside install -d -o ollama -g ollama -m 0750 /run/ollama-influxdb
        spool=/run/ollama-influxdb plant "$kind" control.sock
        attack "$kind as the control socket" "status|spool stats|quarantine|replay"
        inside rm -rf /run/ollama-influxdb
    done
    as_ollama rm -rf "$out"
    as_ollama mkdir "$out"
    nothing_changed "files that are asked for"
}

# The installer over what 0.1 left root's, with everything else planted among it.
attack_installer() {
    local path
    good_spool
    plant file MANIFEST.new
    plant hard ballast
    plant directory gen-0000000097
    plant pipe gen-0000000098
    plant device gen-0000000099
    # As if moved in from another directory of the user's.
    inside cp -p /etc/victim "$spool/diary"
    inside sh -c "chown root:root $state $spool/MANIFEST $spool/gen-*/db"
    inside mkdir "$spool/damaged-1"
    inside mount --bind /etc/victims "$spool/damaged-1"
    # A spool elsewhere, with a file of root's.
    inside cp -a /root/copy/spool /srv/spool
    inside chown root:root /srv/spool/MANIFEST
    configure SHIPPER_SPOOL_DIR=/srv/spool
    inside timeout 60 "$installer" --binary "$package_binary" --no-start >"$work/install.out"
    [ -z "$(inside find /srv/spool ! -user ollama)" ]
    inside rm -rf /srv/spool
    configure
    inside umount "$spool/damaged-1"
    inside rmdir "$spool/damaged-1"
    grep -q "^left as it is: $spool/damaged-1: another file system" "$work/install.out"
    grep -q "^left as it is: $spool/MANIFEST.new: a symbolic link" "$work/install.out"
    grep -q "^left as it is: $spool/ballast: a file that has other names" "$work/install.out"
    grep -q "^left as it is: $spool/diary: root's" "$work/install.out"
    grep -q " given to ollama$" "$work/install.out"
    [ "$(inside find "$state" -user root -printf '%f\n' | sort | paste -sd ' ')" = "ballast diary" ]
    # Nothing of what it writes is in a place that the user may write to.
    for path in /usr/local/bin /etc/systemd/system "/etc/systemd/system/$service.d" /etc/ollama-influxdb /etc/sudoers.d; do
        denied as_ollama test -w "$path"
    done
    nothing_changed "install.sh"
}

step_attacker() {
    local attacks=0
    prepare_attack
    attack_spool
    attack_places
    attack_installer
    good_spool
    inside rm -rf /etc/victim /etc/victims /root/everything /root/copy /usr/share/ollama/out
    inside systemctl start "$service"
    load 200
    complete
    [ -z "$(inside find "$state" -user root)" ]
    balanced
    echo "$attacks attacks, every file of the host as it was"
}
