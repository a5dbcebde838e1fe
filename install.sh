#!/bin/sh
# Installs shipper as the systemd service Ollama_InfluxDB on a host that runs Ollama. Safe to run again: an upgrade keeps the
# configuration, the spool, and what was chosen before.
#
#   install.sh [--binary FILE] [--user NAME] [--journal-access group|sudoers] [--lift-log-limit] [--no-start] [--dry-run]
#   install.sh --uninstall [--purge] [--dry-run]
#
# --binary FILE      install this shipper instead of building one with cargo
# --user NAME        run as this user instead of the one that runs ollama.service, and hand the spool over to it; a system user of
#                    that name is created where there is none
# --journal-access   group (default): the service is in the group systemd-journal; sudoers: it runs `shipper feed`, which hands
#                    it Ollama's entries and no others, with that group by `sudo -n` (sudo 1.8.29 or later)
# --lift-log-limit   give ollama.service a drop-in by which journald takes all of its lines; it is in force from Ollama's next start
#                    on, and --uninstall removes it
# --no-start         install everything, enable and start nothing
# --uninstall        stop and remove the service; configuration and spool stay
# --purge            remove those too
# --dry-run          say what would be done, and do nothing
#
# DESTDIR is put before every path, for packages and tests; nothing is looked up on this host or started then.
# Exit code: 0 done, 1 failed (what was and was not done is said), 2 wrong usage.
set -eu
# What others may read or enter is said where it is made.
caller_umask=$(umask)
umask 077

SERVICE=Ollama_InfluxDB.service
OLLAMA=ollama.service
DESTDIR=${DESTDIR:-}

ETC=/etc/ollama-influxdb
CONFIG=$ETC/config.env
STATE=/var/lib/ollama-influxdb
TOKEN=/etc/credstore/ollama-influxdb-token
UNIT=/etc/systemd/system/$SERVICE
DROP_INS=$UNIT.d
# Ollama's unit, and what is written beside it when that is asked for.
OLLAMA_DROP_INS=/etc/systemd/system/$OLLAMA.d
LOG_LIMIT=$OLLAMA_DROP_INS/50-ollama-influxdb-log-limit.conf
SUDOERS=/etc/sudoers.d/ollama-influxdb
# The service's user where Ollama itself runs as root.
OWN_USER=shipper
# By which a user that was created here is known again.
USER_COMMENT="Ollama_InfluxDB"

say() { printf '%s\n' "$*"; }

complain() { printf 'install.sh: %s\n' "$*" >&2; }

usage_error() {
    complain "$*; see --help"
    exit 2
}

# --- What is asked for --------------------------------------------------------------------------------------------------------

action=install
binary_given=
user_given=
access_given=
lift_log_limit=no
start=yes
purge=no
dry_run=no
packaged=no
stopped=no

while [ $# -gt 0 ]; do
    case $1 in
    --binary | --user | --journal-access)
        [ $# -ge 2 ] || usage_error "$1 takes a value"
        case $1 in
        --binary) binary_given=$2 ;;
        --user) user_given=$2 ;;
        --journal-access) access_given=$2 ;;
        esac
        shift
        ;;
    --lift-log-limit) lift_log_limit=yes ;;
    --no-start) start=no ;;
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    --dry-run) dry_run=yes ;;
    # Of the Debian package's scripts: the files below /usr are dpkg's.
    --packaged) packaged=yes ;;
    -h | --help)
        sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p;}' "$0"
        exit 0
        ;;
    *) usage_error "unknown argument $1" ;;
    esac
    shift
done
case $access_given in
"" | group | sudoers) ;;
*) usage_error "--journal-access is group or sudoers, not $access_given" ;;
esac
case $action,$purge in
install,yes) usage_error "--purge goes with --uninstall" ;;
esac

AGAIN=$0
PREFIX=/usr/local
if [ "$packaged" = yes ]; then
    AGAIN="$0 --packaged"
    PREFIX=/usr
fi
BINARY=$PREFIX/bin/shipper
PROGRAM="$BINARY, its documentation, completions and man pages"
DOCS=$PREFIX/share/doc/ollama-influxdb
MAN=$PREFIX/share/man/man1
BASH_COMPLETION=$PREFIX/share/bash-completion/completions/shipper
ZSH_COMPLETION=$PREFIX/share/zsh/site-functions/_shipper
FISH_COMPLETION=$PREFIX/share/fish/vendor_completions.d/shipper.fish

# --- Steps, and what to say when one fails ------------------------------------------------------------------------------------

steps_done=
step_now=
steps_left=
newline='
'

# plan FUNCTION STEP: the next thing to be done, and what the operator knows it by.
plan() { steps_left="$steps_left$*$newline"; }

perform() {
    while [ -n "$steps_left" ]; do
        next=${steps_left%%"$newline"*}
        steps_left=${steps_left#*"$newline"}
        step_now=${next#* }
        "${next%% *}"
        steps_done="$steps_done  $step_now$newline"
    done
}

report_failure() {
    status=$?
    [ -z "${work:-}" ] || rm -rf "$work"
    [ "$status" -ne 0 ] && [ "$status" -ne 2 ] || return 0
    {
        say "install.sh: FAILED at: ${step_now:-the start}"
        if [ "$dry_run" = yes ] || [ -z "$steps_done" ]; then
            say "nothing was changed"
        else
            printf 'done before that:\n%s' "$steps_done"
            [ -z "$steps_left" ] || say "not done:"
            printf '%s' "$steps_left" | sed 's/^[^ ]* /  /'
            say "once it is fixed, run $AGAIN again"
        fi
    } >&2
}
trap report_failure EXIT
trap 'exit 1' HUP INT TERM

fail() {
    complain "$*"
    exit 1
}

# Runs a command that changes something, or says that it would.
change() {
    if [ "$dry_run" = yes ]; then
        say "would run: $*"
    else
        "$@"
    fi
}

# put MODE FROM TO: replaces TO in one step, so that nobody sees half a file and a running binary goes on.
put() {
    if [ "$dry_run" = yes ]; then
        if cmp -s "$2" "$DESTDIR$3"; then say "up to date: $3"; else say "would write: $3"; fi
        return
    fi
    (umask 022 && mkdir -p "$DESTDIR$(dirname "$3")")
    install -m "$1" "$2" "$DESTDIR$3.new"
    mv -f "$DESTDIR$3.new" "$DESTDIR$3"
}

remove() {
    for path in "$@"; do
        if [ -e "$DESTDIR$path" ] || [ -L "$DESTDIR$path" ]; then change rm -rf "$DESTDIR$path"; fi
    done
}

# Whether there is a systemd to talk to, and this is the host that is meant.
live() { [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]; }

# --- What is found on this host -----------------------------------------------------------------------------------------------

property() { systemctl show --property="$1" --value "$OLLAMA" 2>/dev/null || true; }

exists() { getent passwd "$1" >/dev/null; }

is_root() { [ "$1" = root ] || [ "$1" = 0 ] || [ "$(id -u "$1" 2>/dev/null)" = 0 ]; }

# User and group: as asked, as before, as Ollama's, unless that is root.
find_user() {
    group=
    user_before=
    user_to_create=
    if [ -e "$DESTDIR$UNIT" ]; then user_before=$(sed -n 's/^User=//p' "$DESTDIR$UNIT"); fi
    if [ -n "$user_given" ]; then
        user=$user_given
    elif [ -e "$DESTDIR$UNIT" ]; then
        user=$user_before
        group=$(sed -n 's/^Group=//p' "$DESTDIR$UNIT")
    elif live; then
        [ "$(property LoadState)" = loaded ] ||
            fail "there is no $OLLAMA on this host: install Ollama first, or name the user to run as with --user"
        find_users_of_ollama
    else
        user=ollama
    fi
    user=${user:-root}
    primary=$user
    if [ -z "$DESTDIR" ]; then
        if exists "$user"; then
            primary=$(id -gn "$user")
        else
            check_new_user
        fi
        if [ -z "$user_given" ] && is_root "$user"; then
            say "the service runs as root: --user $OWN_USER gives it a user of its own, and hands the spool over"
        fi
    fi
    group=${group:-$primary}
}

find_users_of_ollama() {
    user=$(property User)
    group=$(property Group)
    if [ "$(property DynamicUser)" = yes ]; then
        say "the user of $OLLAMA exists only while that runs: the service gets one of its own, $OWN_USER"
    elif [ -z "$user" ] || is_root "$user"; then
        say "$OLLAMA runs as root: the service gets a user of its own, $OWN_USER"
    else
        return 0
    fi
    user=$OWN_USER
    group=
    if exists "$user" && [ "$(id -u "$user")" -ge 1000 ]; then
        fail "the user $user is somebody's: name another one with --user"
    fi
}

# A name is created that was asked for, or that is ours.
check_new_user() {
    if [ "$user" != "$user_given" ] && [ "$user" != "$OWN_USER" ]; then fail "the user $user does not exist"; fi
    case $user in
    *[!a-z0-9_-]* | [!a-z_]* | ????????????????????????????????*) fail "$user is no name for a system user: a-z, 0-9, _ and -, at most 31" ;;
    esac
    command -v useradd >/dev/null || fail "the user $user does not exist, and there is no useradd to create it with"
    user_to_create=$user
}

# The directory with the models, and whether its place needs a word in the configuration.
find_models() {
    models=
    models_variable=
    live || return 0
    ollamas_user=$(property User | grep . || echo root)
    models_variable=$(property Environment | tr ' ' '\n' | sed -n 's/^"\{0,1\}OLLAMA_MODELS=\([^"]*\)"\{0,1\}$/\1/p' | tail -n 1)
    models=$models_variable
    if [ -z "$models" ]; then
        home=$(getent passwd "$ollamas_user" | cut -d : -f 6)
        models=${home%/}/.ollama/models
    fi
}

# may_enter DIRECTORY: whether the service's user may, as far as can be told before it exists.
may_enter() {
    if exists "$user"; then
        setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups -- test -x "$1"
    else
        case $(stat -c %A "$1") in *[xt]) ;; *) return 1 ;; esac
    fi
}

is_roots_alone() { [ "$(stat -c %u "$1")" = 0 ] && [ $((0$(stat -c %a "$1") & 022)) = 0 ]; }

# Walks to the models. closed: the outermost directory that the service's user may not enter. held: the last one that root alone could
# put in its place, and nobody could replace by a link to where only root may go.
look_at_the_way() {
    closed=
    held=
    directory=
    rest=${models#/}
    above=yes
    while [ -n "$rest" ]; do
        if [ "$above" = yes ] && is_roots_alone "${directory:-/}"; then held=$directory/${rest%%/*}; else above=no; fi
        directory=$directory/${rest%%/*}
        case $rest in */*) rest=${rest#*/} ;; *) rest= ;; esac
        [ -d "$directory" ] || break
        if [ -z "$closed" ] && ! may_enter "$directory"; then closed=$directory; fi
    done
}

find_access() {
    access=$access_given
    if [ -z "$access" ]; then
        if [ -e "$DESTDIR$SUDOERS" ]; then access=sudoers; else access=group; fi
    fi
}

# --- Before anything is changed -----------------------------------------------------------------------------------------------

# The least sudo that knows all that the rule says of its command; what it makes of the rule, it is asked itself.
check_sudo() {
    for program in sudo visudo /usr/bin/setpriv; do
        command -v "$program" >/dev/null || fail "--journal-access sudoers needs $program; use --journal-access group"
    done
    version=$(sudo -V | sed -n '1s/^Sudo version \([0-9.]*\).*/\1/p')
    oldest=$(printf '%s\n' 1.8.29 "$version" | sort -V | head -n 1)
    [ "$oldest" = 1.8.29 ] || fail "--journal-access sudoers needs sudo 1.8.29 or later, not ${version:-another program of that name};" \
        "use --journal-access group"
}

find_binary() {
    if [ "$packaged" = yes ]; then
        built=$BINARY
    elif [ -n "$binary_given" ]; then
        built=$binary_given
    else
        command -v cargo >/dev/null || fail "cargo is not installed: install Rust (README.md says which), or pass --binary FILE"
        rust_needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$source_dir/Cargo.toml" 2>/dev/null) || fail "there is nothing to build here: pass --binary FILE"
        rust_found=$(cd "$source_dir" && rustc --version 2>/dev/null | cut -d ' ' -f 2) || rust_found=
        if [ "$(printf '%s\n' "$rust_needed" "${rust_found:-0}" | sort -V | head -n 1)" != "$rust_needed" ]; then
            fail "Rust ${rust_found:-(rustc does not run)} is too old: install $rust_needed or newer (rustup update), or pass --binary FILE"
        fi
        if [ "$dry_run" = yes ]; then
            say "would run: cargo build --release --locked"
            built=$work/not-built
            return
        fi
        built=$(cd "$source_dir" && realpath -m "${CARGO_TARGET_DIR:-target}")/release/shipper
        (umask "$caller_umask" && cd "$source_dir" && cargo build --release --locked) || fail "the build failed"
    fi
    if [ ! -f "$built" ] || [ ! -x "$built" ]; then fail "$built is not an executable file"; fi
    case $("$built" --version 2>&1 || true) in
    "shipper "*) ;;
    *) fail "$built is not a shipper that runs on this host" ;;
    esac
}

# Completions and man pages are the binary's own: what it cannot write is known before anything is changed.
write_extras() {
    if [ "$packaged" = yes ] || [ ! -x "$built" ]; then return; fi
    for shell in bash zsh fish; do
        "$built" completions "$shell" >"$work/$shell" || fail "$built cannot write its completions for $shell"
    done
    "$built" man "$work/man" || fail "$built cannot write its man pages"
}

# --- Installing ---------------------------------------------------------------------------------------------------------------

create_user() {
    shell=/usr/sbin/nologin
    [ -x "$shell" ] || shell=/bin/false
    change useradd --system --user-group --no-create-home --home-dir /nonexistent --shell "$shell" --comment "$USER_COMMENT" "$user"
    [ "$dry_run" = yes ] || say "created the system user $user"
}

install_files() {
    put 0755 "$built" "$BINARY"
    put 0644 "$source_dir/README.md" "$DOCS/README.md"
    put 0644 "$source_dir/config.env.example" "$DOCS/config.env.example"
    put 0644 "$work/bash" "$BASH_COMPLETION"
    put 0644 "$work/zsh" "$ZSH_COMPLETION"
    put 0644 "$work/fish" "$FISH_COMPLETION"
    # Nothing matches in a dry run before the first build.
    for page in "$work"/man/*.1; do put 0644 "$page" "$MAN/${page##*/}"; done
}

keys_of() { sed -n 's/^#\{0,1\} \{0,1\}\([A-Z][A-Z_]*\)=.*/\1/p' "$1" | sort -u; }

# An existing configuration is the operator's: only what it lacks is said. Nobody but root writes it: with sudoers it decides what the
# service's user gets of the journal. The group lets that user read it; not Ollama's own group there, which `shipper feed` lacks.
install_config() {
    # First of all, so that nobody else has a hand in what is found there.
    if [ -z "$DESTDIR" ] && [ -d "$ETC" ]; then change chown -h root "$ETC" && change chmod go-w "$ETC"; fi
    if [ -e "$DESTDIR$CONFIG" ]; then
        keys_of "$DESTDIR$CONFIG" >"$work/has"
        keys_of "$source_dir/config.env.example" | comm -13 "$work/has" - >"$work/lacks"
        say "kept $CONFIG"
        if [ -s "$work/lacks" ]; then
            say "new keys, with their defaults (explained in $DOCS/config.env.example):"
            while read -r key; do sed -n "s/^#\{0,1\}\($key=.*\)/  \1/p" "$source_dir/config.env.example"; done <"$work/lacks"
        fi
    else
        cp "$source_dir/config.env.example" "$work/config"
        if [ -n "$models_variable" ]; then
            sed "s|^#OLLAMA_MODELS=.*|OLLAMA_MODELS='$models_variable'|" "$work/config" >"$work/config.new"
            mv "$work/config.new" "$work/config"
        fi
        put 0640 "$work/config" "$CONFIG"
    fi
    if [ -z "$DESTDIR" ]; then
        if [ "$access" = sudoers ]; then readers=$primary; else readers=$group; fi
        change chown -h "root:$readers" "$ETC" "$CONFIG"
        change chmod 0750 "$ETC"
        if [ -L "$CONFIG" ]; then
            say "$CONFIG is a link: $readers has to be able to read where it leads"
        else
            change chmod 0640 "$CONFIG"
        fi
    fi
}

fill_in() { sed -e "s|@USER@|$user|g; s|@GROUP@|$group|g; s|@BINARY@|$BINARY|g; s|@DOCS@|$DOCS|g" "$source_dir/deploy/$1" >"$2"; }

# The rule first, the drop-in that relies on it later; the other way round when access is taken back.
install_sudoers() {
    fill_in sudoers.in "$work/sudoers.all"
    # The comment lines are about the template.
    sed '/^#/d' "$work/sudoers.all" >"$work/sudoers"
    visudo -cqf "$work/sudoers" || fail "visudo refuses the rule"
    put 0440 "$work/sudoers" "$SUDOERS"
    [ "$dry_run" = yes ] || visudo -cq || {
        rm -f "$SUDOERS"
        fail "visudo refuses the rule among the others of this host; it was taken out again"
    }
}

# What systemd takes for a path: %% is a per cent sign.
unit_path() { printf '%s\n' "$1" | sed 's/%/%%/g'; }

# The directory itself may be shown to a user that may not come there: systemd opens it as root, and no mode has to be changed. Where
# it belongs to that user, it could as well be a link to what root alone may see: then no more is opened than root has put there.
install_models_drop_in() {
    : >"$work/models.conf"
    if [ -n "$models" ]; then
        look_at_the_way
        shown=$models
        if [ "$user" = "$ollamas_user" ]; then shown=$held; fi
        case $models/ in
        /home/* | /root/* | /run/user/*) printf '%s\n' "ProtectHome=tmpfs" "BindReadOnlyPaths=\"-$(unit_path "$shown")\"" ;;
        *)
            if [ "$closed" = "$models" ]; then
                say "$user may not read the models in $models: there will be no inventory before it may" >&2
            elif [ -n "$closed" ]; then
                printf '%s\n' "TemporaryFileSystem=\"$(unit_path "$closed"):ro\"" "BindReadOnlyPaths=\"-$(unit_path "$models")\""
            fi
            ;;
        esac >"$work/models.conf"
    fi
    if [ -s "$work/models.conf" ]; then
        { printf '%s\n' "# Written by install.sh: the models are kept in a directory that is closed to the service." "[Service]" &&
            cat "$work/models.conf"; } >"$work/drop-in"
        put 0644 "$work/drop-in" "$DROP_INS/20-models.conf"
    else
        remove "$DROP_INS/20-models.conf"
    fi
}

# configured_as KEY: its value in config.env.
configured_as() {
    [ -e "$DESTDIR$CONFIG" ] || return 0
    sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p" "$DESTDIR$CONFIG" | tail -n 1 |
        sed "s/[[:space:]]\{1,\}#.*\$//; s/[[:space:]]*\$//; s/^['\"]//; s/['\"]\$//"
}

# The service may bind no port but that of its metrics.
install_metrics_drop_in() {
    port=$(configured_as SHIPPER_METRICS_LISTEN)
    port=${port##*:}
    case $port in
    "" | *[!0-9]*) remove "$DROP_INS/40-metrics.conf" ;;
    *)
        printf '%s\n' "# Written by install.sh: SHIPPER_METRICS_LISTEN, and no other port." "[Service]" "SocketBindAllow=tcp:$port" >"$work/drop-in"
        put 0644 "$work/drop-in" "$DROP_INS/40-metrics.conf"
        ;;
    esac
}

install_unit() {
    fill_in "$SERVICE.in" "$work/unit"
    put 0644 "$work/unit" "$UNIT"
    if [ "$access" = sudoers ]; then
        fill_in journal-sudoers.conf.in "$work/drop-in"
        put 0644 "$work/drop-in" "$DROP_INS/10-journal-sudoers.conf"
    else
        remove "$DROP_INS/10-journal-sudoers.conf" "$SUDOERS"
    fi
    install_models_drop_in
    install_metrics_drop_in
    # Waits between restarts grow from RestartSec= to a minute where systemd can do that (254).
    if live && [ "$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')" -ge 254 ]; then
        printf '%s\n' "# Written by install.sh: this systemd lets the wait between restarts grow." "[Service]" \
            "RestartSteps=6" "RestartMaxDelaySec=1min" >"$work/drop-in"
        put 0644 "$work/drop-in" "$DROP_INS/30-restart.conf"
    else
        remove "$DROP_INS/30-restart.conf"
    fi
    [ "$lift_log_limit" = no ] || install_log_limit
    ! live || change systemctl daemon-reload
    [ "$dry_run" = yes ] || say "installed $SERVICE for user $user, journal access by $access${models:+, models in $models}"
}

# What root's commands of 0.1 made in the spool, and what was another user's before, becomes the service's. No process may be in the
# spool meanwhile; what of it is not simply a file or a directory of theirs stays as it is.
hand_over() {
    if ! exists "$user" || [ ! -x "$built" ]; then
        say "would give $STATE to $user"
        return
    fi
    for_each_directory --dry-run >"$work/to-give"
    if ! grep -q ' to be given$' "$work/to-give"; then
        cat "$work/to-give"
        return
    fi
    if [ "$dry_run" = yes ]; then
        sed "s/ to be given\$/ would be given to $user/" "$work/to-give"
        return
    fi
    if live && systemctl --quiet is-active "$SERVICE"; then
        if [ "$start" = no ]; then
            say "the spool is not $user's yet: run $AGAIN without --no-start"
            return
        fi
        systemctl stop "$SERVICE"
        stopped=yes
    fi
    for_each_directory >"$work/given"
    sed "s/ given\$/ given to $user/" "$work/given"
}

# for_each_directory [--dry-run]: of the service's state, and of its spool where that is elsewhere.
for_each_directory() {
    give "$STATE" "$@"
    spool=$(configured_as SHIPPER_SPOOL_DIR)
    case $spool in
    "" | "$STATE"/*) ;;
    *) give "$spool" "$@" ;;
    esac
}

give() {
    if [ -n "$user_before" ] && exists "$user_before"; then set -- "$@" --from "$(id -u "$user_before")"; fi
    # /var/lib is root's: whom the directory there belongs to was decided by root.
    if [ -d "$STATE" ]; then set -- "$@" --from "$(stat -c %u "$STATE")"; fi
    "$built" hand-over --to "$(id -u "$user"):$(getent group "$group" | cut -d : -f 3)" "$@" || [ $? = 3 ] ||
        fail "$1 could not be handed over"
}

# A million lines a second: 0 says nothing in a unit, journald's own limit holds beside it.
log_limit() {
    printf '%s\n' "[Service]" "LogRateLimitIntervalSec=1s" "LogRateLimitBurst=1000000"
}

install_log_limit() {
    { say "# Written by install.sh --lift-log-limit: journald takes all lines of Ollama." && log_limit; } >"$work/drop-in"
    put 0644 "$work/drop-in" "$LOG_LIMIT"
    [ "$dry_run" = yes ] || say "journald takes all lines of $OLLAMA once that is started again: systemctl restart ${OLLAMA%.service}"
}

# journald_setting KEY: its last word in journald's configuration.
journald_setting() {
    { systemd-analyze cat-config systemd/journald.conf 2>/dev/null || true; } | sed -n "s/^[[:space:]]*$1=[[:space:]]*//p" | tail -n 1
}

# Whether journald's own limit holds for Ollama, which sets none.
has_default_log_limit() {
    case $(property LogRateLimitIntervalUSec),$(property LogRateLimitBurst) in 0*,0) ;; *) return 1 ;; esac
    interval=$(journald_setting RateLimitIntervalSec)
    burst=$(journald_setting RateLimitBurst)
    interval=${interval:-30s}
    burst=${burst:-10000}
    case $interval in 0 | 0[!0-9]*) return 1 ;; esac
    [ "$burst" != 0 ]
}

# A busy Ollama of 0.30 or later prints more than the default takes. Its unit is its owner's: nothing is written there unasked.
offer_log_limit() {
    if [ "$lift_log_limit" = yes ] || ! has_default_log_limit; then return 0; fi
    say "journald takes $burst lines of $OLLAMA in $interval (more where its disk has room) and drops the others, before anybody can read them:"
    say "Ollama 0.30 and later prints up to 120 lines a request. To lift that, run $AGAIN --lift-log-limit, which writes"
    say "$LOG_LIMIT:"
    log_limit | sed 's/^/  /'
    say "and then: systemctl daemon-reload && systemctl restart ${OLLAMA%.service}"
}

configured() { ! grep -q '^INFLUXDB_[A-Z]*=replace-me' "$CONFIG"; }

enabled() { systemctl --quiet is-enabled "$SERVICE" 2>/dev/null; }

# The findings of `shipper doctor` on what the service will see, by its user: configuration, journal, models, spool, server.
examine() {
    set -- --property=User="$user" --property=Group="$group" --property=LoadCredential=influxdb-token:ollama-influxdb-token \
        --property=StateDirectory=ollama-influxdb --property=StateDirectoryMode=0750
    if [ "$access" = sudoers ]; then
        set -- "$@" --setenv=SHIPPER_JOURNAL_READER=sudo --property=SupplementaryGroups="$primary"
    else
        set -- "$@" --property=SupplementaryGroups=systemd-journal
    fi
    while read -r line; do set -- "$@" --property="$line"; done <"$work/models.conf"
    systemd-run --quiet --pipe --wait --collect "$@" -- "$BINARY" doctor
}

# What no waiting fixes keeps the service from being enabled; an outage of the server does not, that is what the spool is for.
check_configuration() {
    if [ "$dry_run" = no ] && ! configured; then
        say "next: fill in the INFLUXDB_ keys of $CONFIG, then run $AGAIN again"
        say "choose before the first start: SHIPPER_MSG_HASH_AS=tag, the default, suits dashboards that read the tag msg_hash;"
        say "without such dashboards, field keeps InfluxDB 1.x and 2.x fast and small (figures: docs/cardinality.md)"
        start=no
    fi
    [ "$start" = yes ] || return 0
    if [ "$dry_run" = yes ]; then
        say "would run: shipper doctor, as $user"
        return
    fi
    verdict=0
    examine >"$work/findings" 2>&1 || verdict=$?
    [ "$verdict" -ne 0 ] || return 0
    cat "$work/findings"
    needed='configuration|token|journal'
    # A service that is at work already knows how to wait for these.
    enabled || needed="$needed|write|spool"
    if [ "$verdict" -eq 3 ] && ! grep -Eq "^FAIL  ($needed) " "$work/findings"; then
        say "the doctor found something to fix (above); the service waits for it"
        return
    fi
    if ! enabled; then
        left="the service was not enabled"
    elif [ "$stopped" = yes ]; then
        left="the service was stopped for the sake of its spool, and started again"
        systemctl start "$SERVICE" || left="the service is stopped"
    else
        left="the service is as it was, and was not restarted"
    fi
    fail "the configuration cannot be used (above): fix $CONFIG; $left"
}

# After an upgrade the new binary is to run, whatever ran before.
start_service() {
    if [ "$start" = no ]; then
        say "not started; to start it: systemctl enable --now $SERVICE"
        return
    fi
    change systemctl --quiet enable "$SERVICE"
    change systemctl restart "$SERVICE" || fail "the service does not start: journalctl -u $SERVICE -n 20"
    [ "$dry_run" = yes ] || say "$SERVICE runs: journalctl -u $SERVICE -f follows it"
}

check_host() {
    source_dir=$(cd "$(dirname "$0")" && pwd)
    find_user
    find_models
    find_access
    [ "$access" = group ] || check_sudo
    find_binary
    write_extras
    [ -z "$user_to_create" ] || plan create_user "create the user $user"
    [ "$packaged" = yes ] || plan install_files "install $PROGRAM"
    plan install_config "install $CONFIG"
    [ "$access" = group ] || plan install_sudoers "install $SUDOERS"
    plan install_unit "install $UNIT and its drop-ins"
    if [ -z "$DESTDIR" ]; then plan hand_over "hand the spool over to $user"; fi
    if live; then
        plan check_configuration "check the configuration with shipper doctor"
        plan start_service "enable and start $SERVICE"
        plan offer_log_limit "look at journald's limit for $OLLAMA"
    fi
}

# --- Uninstalling -------------------------------------------------------------------------------------------------------------

stop_service() {
    if live && [ -e "$UNIT" ]; then change systemctl --quiet disable --now "$SERVICE"; fi
}

remove_unit() {
    remove "$UNIT" "$DROP_INS" "$SUDOERS" "$LOG_LIMIT"
    # Others may have drop-ins there.
    [ ! -d "$DESTDIR$OLLAMA_DROP_INS" ] || change rmdir --ignore-fail-on-non-empty "$DESTDIR$OLLAMA_DROP_INS"
    if live; then
        change systemctl daemon-reload
        systemctl reset-failed "$SERVICE" 2>/dev/null || true
    fi
}

remove_files() {
    remove "$BINARY" "$DOCS" "$BASH_COMPLETION" "$ZSH_COMPLETION" "$FISH_COMPLETION"
    for page in "$DESTDIR$MAN"/shipper.1 "$DESTDIR$MAN"/shipper-*.1; do remove "${page#"$DESTDIR"}"; done
}

# A user may own files elsewhere, and its number would be given to another.
remove_data() {
    remove "$ETC" "$TOKEN" "$STATE"
    if [ -z "$DESTDIR" ]; then
        for name in $(getent passwd | awk -F : -v comment="$USER_COMMENT" '$5 == comment { print $1 }'); do
            say "kept the user $name, which was created for the service; \`userdel $name\` removes it"
        done
    fi
}

if [ -z "$DESTDIR" ] && [ "$dry_run" = no ] && [ "$(id -u)" -ne 0 ]; then
    fail "run it as root: it writes to /etc and $PREFIX"
fi
work=$(mktemp -d)
case $action in
install)
    plan check_host "check this host"
    perform
    ;;
uninstall)
    plan stop_service "stop and disable $SERVICE"
    plan remove_unit "remove the unit and the sudoers rule"
    [ "$packaged" = yes ] || plan remove_files "remove $PROGRAM"
    [ "$purge" = no ] || plan remove_data "remove configuration, token and spool"
    perform
    [ "$purge" = yes ] || say "kept $ETC and $STATE: --uninstall --purge removes them"
    [ "$dry_run" = yes ] || say "uninstalled $SERVICE"
    ;;
esac
