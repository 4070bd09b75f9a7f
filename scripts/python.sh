# shellcheck shell=bash
# Sourced by scripts/test after scripts/servers.sh: a Python with the tools that the tests let loose
# on a server, and on its OpenAPI document. What is installed otherwise is left alone.
#
# python_find sets KEYGATE_PYTHON, which the tests read.

# Which ones, and of which versions.
python_tools=scripts/python.txt

# Exports KEYGATE_PYTHON, the interpreter of an environment of its own, or fails. It is kept beside
# what cargo builds, so that only the first run needs the network.
python_find() {
    local environment=${CARGO_TARGET_DIR:-target}/python
    if ! python_has_tools "$environment"; then
        rm -rf "$environment"
        command -v python3 >/dev/null || return 1
        # Some systems have the interpreter and not the module.
        python3 -m venv "$environment" >"$SCRATCH/venv.log" 2>&1 || return 1
        "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
            --requirement "$python_tools" >&2 || return 1
        cp "$python_tools" "$environment/tools.txt"
        python_has_tools "$environment" || return 1
    fi
    KEYGATE_PYTHON=$(cd "$environment" && pwd)/bin/python
    export KEYGATE_PYTHON
}

# Whether all was installed, and nothing is wanted since. An environment that was moved does not run.
python_has_tools() {
    cmp -s "$python_tools" "$1/tools.txt" && "$1/bin/python" -c '' 2>/dev/null
}

# Installs Python where that needs no password. What fails is said by its own tool.
python_install() {
    if [[ $(uname) == Darwin ]]; then
        command -v brew >/dev/null || return 1
        echo "installing Python" >&2
        brew install --quiet python >&2
        return
    fi
    command -v apt-get >/dev/null && servers_find_root || return 1
    echo "installing Python" >&2
    servers_apt_install python3-venv
}
