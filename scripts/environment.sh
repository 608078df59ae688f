#!/usr/bin/env bash
# Make a virtual environment from a file of pinned versions.
# usage: scripts/environment.sh FOLDER LOCK_FILE
set -euo pipefail

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11) or sys.version_info >= (3, 14))' || {
    echo "Winnowry needs Python 3.11, 3.12 or 3.13; $python is $("$python" -V). Set PYTHON= to another one." >&2
    exit 1
}
echo "Making $1 ($("$python" -V), about a minute the first time) ..."
[ -x "$1/bin/pip" ] || "$python" -m venv --clear "$1"
"$1/bin/python" -m pip install --quiet --requirement "$2"
