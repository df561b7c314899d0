#!/bin/sh
# Print the path of a Chromium for the browser tests: the system's, else apt's, else Playwright's own. Called by the Makefile.
# Everything but the path goes to standard error.
set -eu

system_chromium() {
    for name in "${CHROMIUM_PATH:-}" chromium chromium-browser google-chrome google-chrome-stable; do
        [ -n "$name" ] && command -v "$name" && return 0
    done
    return 1
}

system_chromium && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing chromium with apt-get ..." >&2
    export DEBIAN_FRONTEND=noninteractive
    if apt-get update -qq >&2 && apt-get install -y -qq chromium >/dev/null 2>&1; then
        system_chromium && exit 0
    fi
fi
echo "Installing Playwright's own Chromium ..." >&2
if .venv/bin/python -m playwright install chromium >&2; then
    exec .venv/bin/python -c 'from playwright.sync_api import sync_playwright as start
with start() as playwright: print(playwright.chromium.executable_path)'
fi
echo "No Chromium for the browser tests: install the package chromium, or set CHROMIUM_PATH." >&2
exit 1
