# shellcheck shell=bash
# Sourced by scripts/test after scripts/servers.sh: a throwaway Redis on loopback. Servers that are
# there are left alone.
#
# redis_find sets KEYGATE_REDIS_BIN, redis_start KEYGATE_REDIS_URL, which the tests read.

# The programs that are a Redis, the wanted one first. What checks a dump is the very same program,
# which goes by the name that it is called by.
redis_programs() {
    printf '%s\n' "${KEYGATE_REDIS_BIN:-}"
    command -v redis-server || true
    printf '%s\n' /opt/homebrew/bin/redis-server /usr/local/bin/redis-server
    command -v redis-check-rdb || true
}

# Exports KEYGATE_REDIS_BIN, the program by its right name, or fails.
redis_find() {
    local program link=$SCRATCH/redis-server
    while read -r program; do
        if [[ -n $program && -x $program ]]; then
            # A server's title is the path that it was called by, and so shows whose it is.
            ln -s "$program" "$link"
            export KEYGATE_REDIS_BIN=$link
            return
        fi
    done < <(redis_programs)
    return 1
}

# Installs Redis where that needs no password. What fails is said by its own tool.
redis_install() {
    if [[ $(uname) == Darwin ]]; then
        command -v brew >/dev/null || return 1
        echo "installing Redis" >&2
        brew install --quiet redis >&2
        return
    fi
    command -v apt-get >/dev/null && servers_find_root || return 1
    echo "installing Redis" >&2
    # Only the program is wanted: the package redis-server starts a service, now and at each boot.
    # This one holds the program too, by its other name.
    servers_apt_install redis-tools
}

# Starts the server that the tests share, and exports its KEYGATE_REDIS_URL.
redis_start() {
    local directory=$SCRATCH/shared-redis log=$SCRATCH/redis.log password port attempt process
    servers_user || return
    password=$(servers_password)
    for attempt in {1..20}; do
        port=$(servers_port)
        redis_settings "$directory" "$port" "$password" |
            servers_write "$directory/redis.conf" || return
        : >"$log"
        servers_run "$KEYGATE_REDIS_BIN" "$directory/redis.conf" </dev/null >>"$log" 2>&1 &
        process=$!
        for _ in {1..600}; do
            if grep -q 'eady to accept connections' "$log"; then
                export KEYGATE_REDIS_URL="redis://:$password@127.0.0.1:$port/"
                return
            fi
            kill -0 "$process" 2>/dev/null || break
            sleep 0.1
        done
        grep -q 'Address already in use' "$log" || break
    done
    echo "Redis did not start (attempt $attempt):" >&2
    tail -n 5 "$log" >&2
    return 1
}

# Loopback only, no socket file, nothing kept. Each test has a database of its own.
redis_settings() {
    cat <<SETTINGS
bind 127.0.0.1
port $2
requirepass $3
dir $1
pidfile $1/redis.pid
daemonize no
save ""
appendonly no
databases 4096
SETTINGS
}

# Ends every server below $SCRATCH: the shared one, and those that a test was killed before it
# could stop. Nothing is kept, so there is nothing to wait for; stopped processes end by it too.
redis_stop() {
    local file pid
    for file in "$SCRATCH"/*/redis.pid; do
        [[ -f $file ]] || continue
        pid=$(<"$file")
        ! servers_is_ours "$pid" || kill -KILL "$pid" 2>/dev/null || true
    done
}
