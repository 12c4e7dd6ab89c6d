-- What did each day and each node of this project cost on BigQuery, in the last 30 days?
-- How to read: the dearest first within a day; `dollars` are the list price on demand, 6.25 a TiB: put in what your
-- region costs. dbt puts a node's id on its jobs as a label (query-comment in dbt_project.yml).
-- `dbt compile --target prod --select cost_per_model`, then run what is in target/compiled. It needs
-- roles/bigquery.resourceViewer on the project.
select
-- cost_per_model`, then run what is in target/compiled. It needs roles/bigquery.resourceViewer on the project.
-- dbt puts the node's id on every job as a label (query-comment in dbt_project.yml).
-- 6.25 is dollars per TiB on demand: put in what your region costs.
select
    date(creation_time, '{{ var("chatfuel_timezone") }}') as run_date,
    (select label.value from unnest(labels) as label where label.key = 'node_id') as node_id,
    count(*) as jobs,
    sum(total_bytes_processed) as bytes_processed,
    sum(total_bytes_billed) as bytes_billed,
    round(sum(total_bytes_billed) / pow(2, 40) * 6.25, 4) as dollars,
    sum(total_slot_ms) / 1000 as slot_seconds,
from `region-{{ target.get("location", "US") | lower }}`.information_schema.jobs
where
    creation_time >= timestamp_sub(current_timestamp(), interval 30 day)
    and job_type = 'QUERY'
    -- the parts of a script are counted with the script
    and (statement_type is null or statement_type <> 'SCRIPT')
    and exists (select 1 from unnest(labels) as label where label.key = 'dbt_invocation_id')
group by run_date, node_id
order by run_date desc, bytes_billed desc
