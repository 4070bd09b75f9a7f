# shellcheck shell=bash
# Sourced by scripts/test after scripts/servers.sh: a Python with the client library that the tests
# let loose on a server. What is installed otherwise is left alone.
#
# python_find sets KEYGATE_PYTHON, which the tests read.

# The newest that works with Python 3.9, the oldest that is still about.
python_library=urllib3==2.6.3

# Exports KEYGATE_PYTHON, the interpreter of an environment of its own, or fails. It is kept beside
# what cargo builds, so that only the first run needs the network.
python_find() {
    local environment=${CARGO_TARGET_DIR:-target}/python
    if ! python_has_library "$environment"; then
        rm -rf "$environment"
        command -v python3 >/dev/null || return 1
        # Some systems have the interpreter and not the module.
        python3 -m venv "$environment" >"$SCRATCH/venv.log" 2>&1 || return 1
        "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
            "$python_library" >&2 || return 1
        python_has_library "$environment" || return 1
    fi
    KEYGATE_PYTHON=$(cd "$environment" && pwd)/bin/python
    export KEYGATE_PYTHON
}

python_has_library() {
    "$1/bin/python" -c "import urllib3; assert urllib3.__version__ == '${python_library#*==}'" \
        2>/dev/null
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
