connection: "@{connection}"

include: "/views/*.view.lkml"
include: "/explores.lkml"
include: "/dashboards/*.dashboard.lookml"

# Whatever is cached is asked anew once a build has worked through another pull.
datagroup: last_pull {
  sql_trigger: select max(pulled_at) from `@{dataset}.rpt_chatfuel__pulls` ;;
  max_cache_age: "36 hours"
}

persist_with: last_pull
