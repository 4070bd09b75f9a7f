# shellcheck shell=bash
# Sourced by scripts/test after scripts/servers.sh: a throwaway Postgres on loopback. Clusters that
# are there are left alone.
#
# postgres_find sets KEYGATE_POSTGRES_BIN, postgres_start KEYGATE_POSTGRES_URL, which the tests read.

# The command that takes back what is only there while Postgres is installed.
postgres_take_back=(true)

# The directories with Postgres' programs, the wanted one first, then the newest.
postgres_directories() {
    printf '%s\n' "${KEYGATE_POSTGRES_BIN:-}"
    local program
    program=$(command -v initdb) && dirname "$program"
    local pattern='/usr/lib/postgresql/*/bin /usr/pgsql-*/bin
        /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin'
    # shellcheck disable=SC2086
    printf '%s\n' $pattern | sort -rV
}

# Exports KEYGATE_POSTGRES_BIN, or fails.
postgres_find() {
    local directory
    while read -r directory; do
        if [[ -x $directory/initdb && -x $directory/postgres && -x $directory/pg_ctl ]]; then
            export KEYGATE_POSTGRES_BIN=$directory
            return
        fi
    done < <(postgres_directories)
    return 1
}

# Installs Postgres where that needs no password. What fails is said by its own tool.
postgres_install() {
    if [[ $(uname) == Darwin ]]; then
        command -v brew >/dev/null || return 1
        echo "installing Postgres" >&2
        brew install --quiet postgresql >&2
        return
    fi
    command -v apt-get >/dev/null && servers_find_root || return 1
    echo "installing Postgres" >&2
    # Only the programs are wanted: the package would create a cluster and start it at each boot.
    local setting=/etc/postgresql-common/createcluster.d/keygate.conf status=0
    # Should this script end before it is taken back.
    postgres_take_back=(servers_as_root rm -f "$setting")
    servers_as_root mkdir -p "${setting%/*}"
    echo 'create_main_cluster = false' | servers_as_root tee "$setting" >/dev/null
    servers_apt_install postgresql || status=$?
    "${postgres_take_back[@]}"
    return "$status"
}

# Runs one of Postgres' programs.
postgres_run() {
    local program=$1
    shift
    servers_run "$KEYGATE_POSTGRES_BIN/$program" "$@"
}

# Starts the server that the tests share, and exports its KEYGATE_POSTGRES_URL.
postgres_start() {
    local data=$SCRATCH/shared secret=$SCRATCH/password password port attempt
    servers_user || return
    # A superuser runs programs.
    password=$(servers_password)
    echo "$password" | servers_write "$secret" || return
    postgres_run initdb --pgdata="$data" --username=postgres --auth=password --pwfile="$secret" \
        --no-sync --encoding=UTF8 --locale=C >"$SCRATCH/initdb.log" 2>&1 || {
        tail -n 5 "$SCRATCH/initdb.log" >&2
        return 1
    }
    postgres_settings >>"$data/postgresql.conf"
    for attempt in {1..20}; do
        port=$(servers_port)
        if postgres_run pg_ctl start --wait --silent --timeout=60 --pgdata="$data" \
            --log="$data/server.log" --options="-p $port" >/dev/null 2>&1; then
            export KEYGATE_POSTGRES_URL="postgres://postgres:$password@127.0.0.1:$port/postgres"
            return
        fi
        grep -q 'could not bind\|Address already in use' "$data/server.log" || break
    done
    echo "Postgres did not start (attempt $attempt):" >&2
    tail -n 5 "$data/server.log" >&2
    return 1
}

# Loopback only, no socket file, nothing kept: the data is thrown away.
postgres_settings() {
    cat <<'SETTINGS'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
dynamic_shared_memory_type = mmap
max_connections = 300
shared_buffers = 64MB
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
SETTINGS
}

# Takes back what an interrupted installation has left, and ends every server below $SCRATCH: the
# shared one, and those that a test was killed before it could stop. Stopped processes are woken
# first, or they would never see the signal.
postgres_stop() {
    local file pid children
    "${postgres_take_back[@]}"
    for file in "$SCRATCH"/*/postmaster.pid; do
        [[ -f $file ]] || continue
        pid=$(head -n 1 "$file")
        servers_is_ours "$pid" || continue
        children=$(ps -A -o ppid=,pid= | awk -v parent="$pid" '$1 == parent { print $2 }')
        # shellcheck disable=SC2086
        kill -CONT "$pid" $children 2>/dev/null || true
        # The immediate way down.
        kill -QUIT "$pid" 2>/dev/null || continue
        for _ in {1..100}; do
            kill -0 "$pid" 2>/dev/null || continue 2
            sleep 0.1
        done
        # shellcheck disable=SC2086
        kill -KILL "$pid" $children 2>/dev/null || true
    done
}
