"""The bot that is measured, made by SQL: its users export, its pulls as raw rows, and years of its history.

Every user has 24 values, spread over the attributes as in a real bot: some have a value of nearly everybody, most of
nearly nobody. From one pull to the next a share of the values changes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
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
    create or replace macro sent_at(broadcast) as pulled(broadcast * 2) - interval 12 hour;
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


def write_pull(
    path: str, day: int, users: int, attributes: int, per_user: int, recipients: int, changed: float
) -> dict[str, int]:
    """Write the raw rows of a day's pull, as the loader would, from day 1.

    The first pull is made; a later one is the last that is there, with a share of its values changed, 5 % of the users
    seen again, one in a thousand new, and a broadcast if it is the day of one.
    """
    schema = yaml.safe_load((ROOT / "loader" / "raw_schema.yml").read_text())
    with connect(path) as connection:
        connection.execute("create schema if not exists chatfuel_raw")
        for table, spec in schema["tables"].items():
            columns = ", ".join(f"{c['name']} {c['type']}" for c in schema["pull_columns"] + spec["columns"])
            connection.execute(f"create table if not exists chatfuel_raw.{table} ({columns})")
        name_attributes(connection, attributes, per_user)
        last = connection.execute("select max(pull_id) from chatfuel_raw.users").fetchone()[0]
        before = connection.execute(
            "select count(*) from chatfuel_raw.users where pull_id = ?", [last]
        ).fetchone()[0]
        everyone = before + users // 1000 if last else users
        sent = day // BROADCAST_EVERY
        rows = {
            "attributes": "select attribute_name, 'custom' as attribute_type from attribute_names",
            "users": f"""
                select
                    chatfuel_user_id, '1234567890' as page_id,
                    'First' || number % 5000 as first_name, 'Last' || number % 70000 as last_name,
                    strftime(least(pulled(0) - interval 1 minute * (number * 3), pulled({day})), '%Y-%m-%d %H:%M:%S')
                        as signed_up,
                    case
                        when last_seen is null or chance(number, {day}, 1) < 0.05
                            then strftime(pulled({day}) - interval 1 minute * (number % 1400 + 1), '%Y-%m-%d %H:%M:%S')
                        else last_seen
                    end as last_seen,
                    case when chance(number, 0, 2) < 0.08 + 0.0001 * {day} then 'blocked' else 'reachable' end as status,
                    '-7.0' as timezone, ['male', 'female'][1 + number % 2] as gender, 'en_US' as locale,
                    'direct' as source, (1 + number % 40)::varchar as sessions,
                    'block' || number % 300 as last_visited_block_id,
                    'Block ' || number % 300 as last_visited_block_name,
                    null as instagram_name, null as instagram_handle,
                from (select range as number, user_id(range) as chatfuel_user_id from range({everyone}))
                left join (select chatfuel_user_id, last_seen from chatfuel_raw.users where pull_id = '{last}')
                    using (chatfuel_user_id)
                order by number
            """,
            "user_attributes": f"""
                select
                    chatfuel_user_id, attribute_name,
                    case when chance(chatfuel_user_id, attribute_name, {day}) < {changed}
                        then value_of(attribute_name, luck(chatfuel_user_id, attribute_name, {day}))
                    else attribute_value end as attribute_value
                from chatfuel_raw.user_attributes where pull_id = '{last}'
            """
            if last
            else f"""
                select user_id(number) as chatfuel_user_id, attribute_name, attribute_value
                from ({values(users, attributes, per_user)})
            """,
            "segments": "select 'segment' || range as segment_id, 'Segment ' || range as segment_name from range(40)",
            "broadcasts": f"""
                select
                    range as row_number, strftime(sent_at(range), '%Y-%m-%d %H:%M:%S') as sent_timestamp,
                    'Broadcast' as broadcast_type, broadcast_name(range) as trigger_settings,
                    'Message of ' || broadcast_name(range) as content, '100%' as progress,
                    '{recipients}' as total_users, '{recipients // 2}' as read_users, '{recipients // 9}' as clicked_users,
                    '{recipients // 50}' as failed_users, 'false' as is_user_timezone,
                from range(1, {sent + 1})
            """,
            "scheduled_entries": f"""
                select broadcast_name(range) as broadcast_id, to_json({{
                    id: broadcast_name(range), block_id: 'block ' || range, enabled: true, planned: false,
                    block_title: broadcast_name(range), broadcast_start_timestamp: epoch(sent_at(range))::bigint
                }})::varchar as payload,
                from range(1, {sent + 1})
            """,
        }
        if sent and day % BROADCAST_EVERY == 0:
            block = '{"id": "block", "title": "x", "removed": false, "user_filter": {"operation": "or", "valid": true, "parameters": []}}'
            rows["block_filters"] = (
                f"select broadcast_name({sent}) as broadcast_id, 'block {sent}' as block_id, '{block}' as payload"
            )
            rows["broadcast_recipients"] = f"""
                select broadcast_name({sent}) as broadcast_id, user_id(number) as chatfuel_user_id
                from (
                    select distinct (range * 7 + 7919 * {sent}) % {everyone} as number from range({recipients})
                )
            """
        connection.begin()
        pull = f"pull_id_of(pulled({day})) as pull_id, pulled({day})::date as pull_date, pulled({day}) as pulled_at"
        for table, query in rows.items():
            connection.execute(
                f"insert into chatfuel_raw.{table} by name select {pull}, '{BOT_ID}' as bot_id, * from ({query})"
            )
        counts = {
            table: connection.execute(
                f"select count(*) from chatfuel_raw.{table} where pull_date = pulled({day})::date"
            ).fetchone()[0]
            for table in schema["tables"]
            if table != "pulls"
        }
        columns = ", ".join(f"{count} as {table}_rows" for table, count in counts.items())
        connection.execute(
            f"insert into chatfuel_raw.pulls by name select {pull}, '{BOT_ID}' as bot_id,"
            f" 'api' as source, 'benchmark' as loader_version, {columns}"
        )
        connection.commit()
    return counts


# What a pull leaves in each table of the history, the longest first: the column that says by which pull.
_TRACES = {
    "chatfuel.fct_chatfuel__user_events": "observed_at",
    "chatfuel_intermediate.int_chatfuel__attribute_versions": "settled_at",
    "chatfuel_intermediate.int_chatfuel__kpi_versions": "settled_at",
    "chatfuel.fct_chatfuel__broadcast_recipients": "known_at",
    "chatfuel_intermediate.int_chatfuel__user_visits": "superseded_at",
    "chatfuel_raw.pulls": "pulled_at",
    "chatfuel_intermediate.int_chatfuel__pulls": "pulled_at",
    "chatfuel_intermediate.int_chatfuel__attribute_changes": "observed_at",
    "chatfuel_intermediate.int_chatfuel__cohort_states": "pulled_at",
    "chatfuel_intermediate.int_chatfuel__kpi_events": "observed_at",
    "chatfuel_intermediate.int_chatfuel__kpi_totals": "pulled_at",
    "chatfuel_intermediate.int_chatfuel__engagement_moves": "observed_at",
    "chatfuel.fct_chatfuel__broadcast_metrics": "pulled_at",
}
# What counts towards KPIs stays with its users, so that numbers and events still agree.
_STAYS = "'segment', 'research_answer', 'phone_number', 'email', 'unsubscribed', 'status', 'bcast_start_rate', 'bcast_read_rate'"


def fill(path: str, until: int) -> dict[str, int]:
    """Give a built warehouse the history of the days after its last one, up to a day, without building them.

    Each of these days leaves what the last day left, which was really built, with its dates and with other users. Their
    raw rows have expired. What holds now is not touched: the next pull follows the last one that was really built.
    """
    with connect(path) as connection:
        last = connection.execute(
            "select pulled_at, pull_number, users_rows from chatfuel_intermediate.int_chatfuel__pulls"
            " order by pulled_at desc limit 1"
        ).fetchone()
        # DuckDB appends by one core
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda table: _fill_table(path, table, *last, until), _TRACES))
        rows = connection.execute(
            "select schema_name || '.' || table_name, estimated_size from duckdb_tables() where schema_name like 'chatfuel%'"
        ).fetchall()
        # every table has worked through the days that were made
        for name, _ in rows:
            if name.endswith("__steps"):
                connection.execute(
                    f"insert into {name} select bot_id, pull_id, pulled_at from chatfuel_intermediate.int_chatfuel__pulls"
                    f" where pulled_at > timestamp '{last[0]}'"
                )
    return dict(rows)


def _fill_table(path: str, table: str, last_pull: datetime, last: int, users: int, until: int) -> None:
    with connect(path) as connection:
        connection.execute("create temp macro later(moment, days) as moment + interval 1 day * days")
        connection.execute(
            f"create temp macro other(id, days) as user_id((user_number(id) + 7919 * days) % {users})"
        )
        schema, name = table.split(".")
        columns = connection.execute(
            "select column_name, data_type from duckdb_columns() where schema_name = ? and table_name = ?"
            " and database_name = current_database()",
            [schema, name],
        ).fetchall()
        names = {column for column, _ in columns}
        replaced = {column: f"later({column}, shift)" for column, kind in columns if kind == "TIMESTAMP"}
        replaced |= {column: f"later({column}, shift)::date" for column, kind in columns if kind == "DATE"}
        replaced |= {
            column: f"pull_id_of(later(strptime({column}, '%Y%m%dT%H%M%SZ'), shift))"
            for column in names
            if column.endswith("pull_id")
        }
        replaced |= {
            column: f"left({column}, 27) || 'x' || lpad(day::varchar, 4, '0')"
            for column in names
            if column.endswith("_key")
        }
        if "pull_number" in names:
            replaced["pull_number"] = "pull_number + shift"
        if "broadcast_id" in names:
            replaced["broadcast_id"] = (
                f"case when broadcast_id is not null then broadcast_name(day // {BROADCAST_EVERY}) end"
            )
        which = "true"
        if "event_type" in names:
            replaced["chatfuel_user_id"] = (
                f"case when attribute_name in ({_STAYS}) then chatfuel_user_id else other(chatfuel_user_id, shift) end"
            )
            which += f" and (event_type <> 'broadcast_received' or day % {BROADCAST_EVERY} = 0)"
            which += " and event_type not in ('user_appeared', 'user_signed_up', 'user_disappeared')"
        elif name.endswith(("user_visits", "broadcast_recipients")):
            replaced["chatfuel_user_id"] = "other(chatfuel_user_id, shift)"
        # who is unsubscribed says whose events count, and that must stay as it is
        if "attribute_name" in names and name.endswith("versions"):
            which += " and attribute_name <> 'unsubscribed'"
        if "kpi" in names and name.endswith("versions"):
            which += " and kpi <> 'unsubscribed'"
        if name.endswith("recipients"):
            which += f" and day % {BROADCAST_EVERY} = 0"
        source = "{day}"
        if name.endswith("metrics"):
            # a pull tells of every broadcast there was: here once, of the last one
            replaced |= {
                "broadcast_id": "broadcast_name(sent)",
                "broadcast_key": f"md5('24:{BOT_ID};5:entry;' || length(broadcast_name(sent)) || ':' || broadcast_name(sent))",
                "broadcast_metric_key": "md5(broadcast_name(sent) || ' on ' || day)",
                "sent_at": "sent_at(sent)",
                "block_id": "'block ' || sent",
                "block_title": "broadcast_name(sent)",
                "trigger_settings": "broadcast_name(sent)",
                "message": "'Message of ' || broadcast_name(sent)",
            }
            source = f"(select *, unnest(range(1, day // {BROADCAST_EVERY} + 1)) as sent from {{day}})"
            which += f" and broadcast_id = broadcast_name({last // BROADCAST_EVERY})"
        columns = ", ".join(f"{sql} as {column}" for column, sql in replaced.items())
        connection.execute(
            f"create temp table template as from {table} where {_TRACES[table]} = timestamp '{last_pull}'"
        )
        connection.begin()
        # one day after the other, as pulls would have brought them
        for day in range(last + 1, until + 1):
            connection.execute(
                f"insert into {table} by name select * exclude (day, shift{', sent' if 'sent' in source else ''})"
                f" replace ({columns}) from template"
                f" cross join {source.format(day=f'(select {day} as day, {day - last} as shift)')} as days where {which}"
            )
        connection.commit()
