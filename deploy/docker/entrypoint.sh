#!/usr/bin/env bash
# `night`: one night, step by step; the webhook is told of the step that failed. Anything else is a command to run.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if [[ $1 != night ]]; then
	exec "$@"
fi
for step in pull freshness build report site; do
	if ! make --silent "$step"; then
		make --silent report FAILED="$step"
		exit 1
	fi
done
