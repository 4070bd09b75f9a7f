# shellcheck shell=bash
# Sourced by scripts/test after scripts/servers.sh and scripts/python.sh: a Chromium with its driver,
# and axe-core, which judges what a page is to those who do not see it or hold no mouse.
#
# browser_find sets KEYGATE_CHROMEDRIVER and KEYGATE_CHROMIUM, axe_find KEYGATE_AXE, which the tests
# read.

# A package that holds axe-core 4.12.1 as one file, and nothing else that is used.
axe_package=axe-playwright-python==0.1.8

# Exports the driver and the browser that it is for, or fails.
browser_find() {
    local driver browser name
    driver=$(browser_program "${KEYGATE_CHROMEDRIVER:-}" chromedriver \
        "${CHROMEWEBDRIVER:+$CHROMEWEBDRIVER/chromedriver}" /usr/lib/chromium/chromedriver) || return 1
    for name in "${KEYGATE_CHROMIUM:-}" chromium chromium-browser google-chrome \
        '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'; do
        browser=$(browser_program "$name") || continue
        # A driver drives its own version alone.
        [[ $(browser_version "$driver") == $(browser_version "$browser") ]] || continue
        export KEYGATE_CHROMEDRIVER=$driver KEYGATE_CHROMIUM=$browser
        return
    done
    return 1
}

# The first of these names that is a program.
browser_program() {
    local name
    for name in "$@"; do
        [[ -n $name ]] && command -v "$name" && return
    done
    return 1
}

# The first number of its version.
browser_version() {
    "$1" --version 2>/dev/null | grep -oE '[0-9]+' | head -n 1
}

# Installs both where that needs no password. What fails is said by its own tool.
browser_install() {
    if [[ $(uname) == Darwin ]]; then
        command -v brew >/dev/null || return 1
        echo "installing Chromium's driver" >&2
        brew install --quiet chromedriver >&2
        return
    fi
    command -v apt-get >/dev/null && servers_find_root || return 1
    echo "installing Chromium" >&2
    servers_apt_install chromium && servers_apt_install chromium-driver
}

# Exports KEYGATE_AXE, a file of JavaScript, or fails. It is kept beside what cargo builds, so that
# only the first run needs the network.
axe_find() {
    local directory=${CARGO_TARGET_DIR:-target}/${axe_package//==/-}
    if [[ ! -s $directory/axe.min.js ]]; then
        [[ -n ${KEYGATE_PYTHON:-} ]] || return 1
        rm -rf "$directory" && mkdir -p "$directory"
        "$KEYGATE_PYTHON" -m pip download --quiet --disable-pip-version-check --no-deps \
            --only-binary :all: --dest "$SCRATCH/axe" "$axe_package" >&2 || return 1
        "$KEYGATE_PYTHON" -m zipfile -e "$SCRATCH"/axe/*.whl "$SCRATCH/axe" || return 1
        mv "$SCRATCH/axe/axe_playwright_python/axe.min.js" "$directory/" || return 1
    fi
    KEYGATE_AXE=$(cd "$directory" && pwd)/axe.min.js
    export KEYGATE_AXE
}
