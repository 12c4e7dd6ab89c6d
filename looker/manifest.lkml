project_name: "chatfuel"

# The connection to BigQuery that an admin of Looker made, and CHATFUEL_BIGQUERY_DATASET in it, as my-project.chatfuel.
constant: connection {
  value: "bigquery"
  export: override_required
}

constant: dataset {
  value: "chatfuel"
  export: override_optional
}
