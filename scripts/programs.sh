#!/usr/bin/env bash
# Install the programs that pip cannot: with apt when root, else say what is missing. Starts no service.
# usage: scripts/programs.sh [test|flink]
set -euo pipefail

PATH="$PATH:/usr/sbin:/usr/lib/rabbitmq/bin"
POLICY=/usr/sbin/policy-rc.d
packages=()

need() { command -v "$1" >/dev/null || packages+=("$2"); }

need rabbitmq-server rabbitmq-server
need nginx nginx-light
"${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
case "${1:-}" in test | flink)
    need java openjdk-17-jre-headless
    need mvn maven
    ;;
esac
if [ "${1:-}" = test ]; then
    need sshd openssh-server
fi

[ ${#packages[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not installed here: ${packages[*]} (names of Debian packages)." >&2
    echo "Install them, then run the same command again. On Debian or Ubuntu:" >&2
    echo "    apt-get update && apt-get install ${packages[*]}" >&2
    exit 1
fi

# A package that carries a service starts it when it is installed, unless this file answers 101. One that is there already is
# put back as it was.
restore() {
    rm -f "$POLICY"
    [ ! -e "$POLICY.before-winnowry" ] || mv "$POLICY.before-winnowry" "$POLICY"
    rm -f "$log"
}
log=$(mktemp)
trap restore EXIT
trap 'exit 130' INT TERM HUP
[ ! -e "$POLICY" ] || mv "$POLICY" "$POLICY.before-winnowry"
printf '#!/bin/sh\nexit 101\n' >"$POLICY"
chmod 755 "$POLICY"

echo "Installing ${packages[*]} (without starting any service) ..."
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends "${packages[@]}"; } >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    exit 1
fi
