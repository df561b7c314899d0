#!/bin/sh
# Make .venv with Python 3.11 or newer. Called by the Makefile; says in one line what is missing, or installs it where it may.
set -eu
python=${PYTHON:-python3}

apt_install() { # Debian or Ubuntu, as root, without questions
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    echo "Installing $* with apt-get ..."
    DEBIAN_FRONTEND=noninteractive apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
}

if ! command -v "$python" >/dev/null; then
    apt_install python3 python3-venv || { echo "Paydoor needs Python 3.11 or newer: install python3 and python3-venv." >&2; exit 1; }
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Paydoor needs Python 3.11 or newer; $python is $("$python" -V 2>&1). Name another: make PYTHON=python3.12 ..." >&2
    exit 1
}
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    apt_install python3-venv || { echo "Python's venv module is missing: install the package python3-venv." >&2; exit 1; }
fi
echo "Making .venv with $("$python" -V) ..."
exec "$python" -m venv .venv
