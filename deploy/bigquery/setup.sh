#!/usr/bin/env bash
# What BigQuery needs before the first pull: the API, a service account with two roles, a bucket. May be run again.
# Usage: deploy/bigquery/setup.sh [--dry-run] PROJECT [LOCATION]     (LOCATION: US if not given; it cannot be changed later)
set -euo pipefail

run=()
if [[ ${1:-} == --dry-run ]]; then
	run=(echo)
	shift
fi
project=${1:?"Name the Google Cloud project: deploy/bigquery/setup.sh [--dry-run] PROJECT [LOCATION]"}
location=${2:-US}
account=chatfuel@$project.iam.gserviceaccount.com
bucket=gs://$project-chatfuel

# What is there already is no error; whatever else is wrong, the next command says.
unless_there() { "${run[@]}" "$@" || echo "(it may be there already: going on)" >&2; }

"${run[@]}" gcloud services enable bigquery.googleapis.com storage.googleapis.com --project "$project"
unless_there gcloud iam service-accounts create chatfuel --project "$project"
# may run jobs and create datasets; of those that it creates it is the owner
"${run[@]}" gcloud projects add-iam-policy-binding "$project" --role roles/bigquery.user --member "serviceAccount:$account" --condition None
unless_there gcloud storage buckets create "$bucket" --location "$location" --uniform-bucket-level-access
"${run[@]}" gcloud storage buckets add-iam-policy-binding "$bucket" --role roles/storage.objectAdmin --member "serviceAccount:$account"

cat <<END
Now sign in as the service account, on a laptop too: datasets belong to whoever makes them, and the nightly job is not you.
  gcloud auth application-default login --impersonate-service-account $account
  export CHATFUEL_BIGQUERY_PROJECT=$project CHATFUEL_BIGQUERY_LOCATION=$location CHATFUEL_LANDING=$bucket
  python -m loader check --target prod
END
