-- One row per person who is there; the second leaves.
select * from {{ ref('people') }}
where person_id <= {{ var('people', 2) }}
