#!/usr/bin/env bash
# Assemble the jars of a Flink cluster and of Beam's job server: 195 MB, about 90 s.
# usage: scripts/flink.sh POM FOLDER
set -euo pipefail

echo "Assembling Flink's jars in $2 (about 90 s the first time) ..."
rm -rf "$2"
for attempt in 1 2 3; do
    if mvn --quiet --batch-mode -Dstyle.color=never --file "$1" dependency:copy-dependencies -DoutputDirectory="$PWD/$2" </dev/null; then
        exit 0
    fi
    echo "Maven did not get everything (attempt $attempt of 3)." >&2
done
exit 1
