#!/usr/bin/env bash
# One issue while the night fails: opened by the first failure, told of each further one, closed by the first night that is well.
set -euo pipefail
title="The nightly run fails"
issue=$(gh issue list --state open --search "\"$title\" in:title" --json number,title \
	--jq "map(select(.title == \"$title\")) | .[0].number // empty")
if [[ $HAS_FAILED == true ]]; then
	if [[ -n $issue ]]; then
		gh issue comment "$issue" --body "It failed again: $RUN_URL"
	else
		gh issue create --title "$title" --body "$(cat <<-BODY
			$RUN_URL says why; its summary is the report of pipeline and data.
			Codes of the loader: docs/exit-codes.md. A day that is missed cannot be fetched later.
			This issue is closed by the first night that is well.
		BODY
		)"
	fi
elif [[ -n $issue ]]; then
	gh issue close "$issue" --comment "Well again: $RUN_URL"
fi
