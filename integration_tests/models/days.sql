{{ config(materialized='table') }}

select cast('2024-06-03' as date) as date_day
