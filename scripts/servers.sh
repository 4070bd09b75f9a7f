# shellcheck shell=bash
# Sourced by scripts/test: what the throwaway servers share. They lie below the folder $SCRATCH.

# Sets servers_root, the words that go before a command that root shall run, or fails.
servers_root=()
servers_find_root() {
    [[ $EUID -ne 0 ]] || return 0
    sudo -n true 2>/dev/null || return 1
    servers_root=(sudo -n)
}

# Runs a command as root.
servers_as_root() {
    ${servers_root[@]+"${servers_root[@]}"} "$@"
}

# Installs a package by apt where that needs no password. What fails is said by its own tool.
servers_apt_install() {
    { servers_as_root apt-get update -q &&
        servers_as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -q -y --no-install-recommends "$1"; } >&2
}

# No server runs as root: Postgres refuses to. Exports KEYGATE_SERVERS_AS, the words that go before
# a command that somebody else shall run, and KEYGATE_SERVERS_DIR, a folder that is theirs.
servers_user() {
    export KEYGATE_SERVERS_AS='' KEYGATE_SERVERS_DIR=$SCRATCH
    [[ $EUID -eq 0 ]] || return 0
    local user=postgres
    id "$user" >/dev/null 2>&1 || user=nobody
    chown "$user" "$SCRATCH"
    if setpriv --version 2>/dev/null | grep -q util-linux; then
        KEYGATE_SERVERS_AS="setpriv --reuid=$(id -u "$user") --regid=$(id -g "$user") --clear-groups"
    elif command -v runuser >/dev/null; then
        KEYGATE_SERVERS_AS="runuser -u $user --"
    else
        KEYGATE_SERVERS_AS="su -s /usr/bin/env $user --"
    fi
}

# Runs a command as who may run servers.
servers_run() {
    # From a folder that everybody may enter. The words are no one's input.
    # shellcheck disable=SC2086
    (cd / && exec $KEYGATE_SERVERS_AS "$@")
}

# Writes what comes in into a file that only the servers' user can read.
servers_write() {
    # shellcheck disable=SC2016 # its own word
    servers_run sh -c 'umask 077 && mkdir -p "$(dirname "$0")" && cat >"$0"' "$1"
}

# Others on this machine may connect to loopback too.
servers_password() {
    od -An -N16 -tx1 /dev/urandom | tr -d ' \n'
}

# A port that is taken is found out by the server itself: no gap between looking and using.
servers_port() {
    echo $((20000 + RANDOM % 12000))
}

# Whether the process is a server below $SCRATCH: the id may be another's by now.
servers_is_ours() {
    ps -o command= -p "$1" 2>/dev/null | grep -qF "$SCRATCH"
}
