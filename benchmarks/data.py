"""The bot that is measured, made by SQL: its users export, its pulls as raw rows, and years of its history.

Every user has 24 values, spread over the attributes as in a real bot: some have a value of nearly everybody, most of
nearly nobody. From one pull to the next a share of the values changes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import yaml

from benchmarks.measure import ROOT

BOT_ID = "664f7b4bde6b580913861a89"
FIRST_PULL = datetime(2024, 1, 1, 0, 30)
# A broadcast goes out every second day: some 500 in three years.
BROADCAST_EVERY = 2

_MACROS = f"""
    create or replace macro user_id(number) as (7000000000000000 + 9973 * number)::varchar;
    create or replace macro user_number(id) as (id::bigint - 7000000000000000) // 9973;
    create or replace macro chance(a, b, c) as hash(a, b, c) / 18446744073709551616.0;
    create or replace macro start_of(stretch, attributes, per_user) as (stretch * attributes) // per_user;
    create or replace macro attribute_name(number, attributes, per_user) as coalesce(
        ['segment', 'research_answer', 'phone_number', 'email', 'unsubscribed', 'bcast_start_rate', 'bcast_read_rate']
            [list_position(list_transform(range(7), x -> start_of(x, attributes, per_user)), number)],
        format('attribute {{:04d}}', number)
    );
    create or replace macro luck(a, b, c) as (hash(a, b, c) >> 1)::bigint;
    -- Values that a reader may spoil: leading zeros, NA and null, quotes, commas, line breaks.
    create or replace macro value_of(name, luck) as case name
        when 'segment' then ['lead', 'hot lead', 'advocate', 'hero'][1 + luck % 4]
        when 'research_answer' then ['support', 'on the fence', 'oppose'][1 + luck % 3]
        when 'phone_number' then '+1 555 ' || luck % 10000000
        when 'email' then 'person' || luck % 100000000 || '@example.org'
        when 'unsubscribed' then ['no', 'no', 'no', 'no', 'no', 'no', 'no', 'no', 'no', 'yes'][1 + luck % 10]
        else case (luck >> 20) % 16
            when 0 then '007'
            when 1 then 'NA'
            when 2 then 'null'
            when 3 then 'said "yes", twice' || chr(10) || luck % 1000
            when 4 then 'https://example.org/forms/' || luck % 1000000
            when 5 then 'yes'
            when 6 then 'no'
            when 7 then strftime(date '2020-01-01' + (luck % 2000)::int, '%Y-%m-%d')
            else (luck % 100000)::varchar
        end end;
    create or replace macro broadcast_name(number) as 'broadcast ' || number;
    create or replace macro pulled(day) as timestamp '{FIRST_PULL}' + interval 1 day * (day - 1);
    create or replace macro pull_id_of(moment) as strftime(moment, '%Y%m%dT%H%M%SZ');
"""


def connect(path: str | Path = ":memory:") -> duckdb.DuckDBPyConnection:
    """Open a DuckDB file, with the macros that make the bot."""
    connection = duckdb.connect(str(path))
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set preserve_insertion_order = true")
    connection.execute(_MACROS.replace("create or replace macro", "create or replace temp macro"))
    return connection


def values(users: int, attributes: int, per_user: int) -> str:
    """Return SQL for the values of every user: number, position, attribute_name, attribute_value."""
    return f"""
        select
            number,
            position,
            attribute_name,
            value_of(attribute_name, luck(number, position, 0)) as attribute_value,
        from (
            -- one value in each stretch of columns, mostly in the first ones of it
            select
                range as number,
                start_of(stretch, {attributes}, {per_user}) as first,
                start_of(stretch + 1, {attributes}, {per_user}) - first as width,
                first + floor(width * chance(range, stretch, 0) ** 3)::bigint as position,
            from range({users}), (select range as stretch from range({per_user}))
        )
        inner join attribute_names using (position)
    """


def name_attributes(connection: duckdb.DuckDBPyConnection, attributes: int, per_user: int) -> list[str]:
    """Make the table of the attributes' names, and return them."""
    connection.execute(
        f"""
        create or replace temp table attribute_names as
        select range as position, attribute_name(range, {attributes}, {per_user}) as attribute_name
        from range({attributes})
        """
    )
    rows = connection.execute("select attribute_name from attribute_names order by position").fetchall()
    return [name for (name,) in rows]


def write_export(path: str, users: int, attributes: int, per_user: int) -> dict[str, int]:
    """Write a users export as Chatfuel serves it, wide: the user's id and every attribute."""
    with connect() as connection, Path(path).open("wb") as file:
        names = name_attributes(connection, attributes, per_user)
        file.write(",".join(["last seen", "page id", "chatfuel user id", *names]).encode() + b"\n")
        # by blocks of users, whose lines are in memory together
        for first in range(0, users, 50_000):
            block = Path(f"{path}.block")
            connection.execute(
                f"""
                copy (
                    select '2024-06-05 14:42:16,1234567890,' || user_id(number)
                        || string_agg(repeat(',', position - before) || cell, '' order by position)
                        || repeat(',', {attributes - 1} - max(position))
                    from (
                        select
                            *,
                            coalesce(lag(position) over (partition by number order by position), -1) as before,
                            case
                                when regexp_matches(attribute_value, '[",\\n]')
                                    then '"' || replace(attribute_value, '"', '""') || '"'
                                else attribute_value
                            end as cell,
                        from ({values(users, attributes, per_user)})
                        where number between {first} and {min(first + 50_000, users) - 1}
                    )
                    group by number
                    order by number
                ) to '{block}' (format csv, header false, delimiter '\x01', quote '', escape '')
                """
            )
            file.write(block.read_bytes())
            block.unlink()
    return {"bytes": Path(path).stat().st_size, "values": users * per_user}
