"""The bot that is measured, made by SQL: its pulls as raw rows, and years of its history.

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
    create temp macro user_id(number) as (7000000000000000 + 9973 * number)::varchar;
    create temp macro user_number(id) as (id::bigint - 7000000000000000) // 9973;
    create temp macro chance(a, b, c) as hash(a, b, c) / 18446744073709551616.0;
    create temp macro luck(a, b, c) as (hash(a, b, c) >> 1)::bigint;
    create temp macro attribute_name(number, attributes, per_user) as coalesce(
        ['segment', 'research_answer', 'phone_number', 'email', 'unsubscribed', 'bcast_start_rate', 'bcast_read_rate']
            [list_position(list_transform(range(7), x -> (x * attributes) // per_user), number)],
        format('attribute {{:04d}}', number)
    );
    create temp macro value_of(name, luck) as case name
        when 'segment' then ['lead', 'hot lead', 'advocate', 'hero'][1 + luck % 4]
        when 'research_answer' then ['support', 'on the fence', 'oppose'][1 + luck % 3]
        when 'phone_number' then '+1 555 ' || luck % 10000000
        when 'email' then 'person' || luck % 100000000 || '@example.org'
        when 'unsubscribed' then if(luck % 10 = 9, 'yes', 'no')
        else case (luck >> 20) % 8
            when 0 then 'https://example.org/forms/' || luck % 1000000
            when 1 then 'said "yes", twice' || chr(10) || luck % 1000
            when 2 then if(luck % 2 = 0, 'yes', 'no')
            when 3 then strftime(date '2020-01-01' + (luck % 2000)::int, '%Y-%m-%d')
            else (luck % 100000)::varchar
        end end;
    create temp macro broadcast_name(number) as 'broadcast ' || number;
    create temp macro pulled(day) as timestamp '{FIRST_PULL}' + interval 1 day * (day - 1);
    create temp macro sent_at(broadcast) as pulled(broadcast * 2) - interval 12 hour;
    create temp macro pull_id_of(moment) as strftime(moment, '%Y%m%dT%H%M%SZ');
    create temp macro text_of(moment) as strftime(moment, '%Y-%m-%d %H:%M:%S');
"""


def connect(path: str | Path) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB file, with the macros that make the bot."""
    connection = duckdb.connect(str(path))
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(_MACROS)
    return connection


def write_pulls(path: str, first: int, last: int, *shape: float) -> None:
    """Write the raw rows of the pulls of some days, as the loader would, from day 1; the shape is that of ``Shape``.

    The first pull is made; a later one is the last that is there, with a share of its values changed, 5 % of the users
    seen again, one in a thousand new, and a broadcast if it is the day of one.
    """
    schema = yaml.safe_load((ROOT / "loader" / "raw_schema.yml").read_text())
    with connect(path) as connection:
        connection.execute("create schema if not exists chatfuel_raw")
        for table, spec in schema["tables"].items():
            columns = ", ".join(f"{c['name']} {c['type']}" for c in schema["pull_columns"] + spec["columns"])
            connection.execute(f"create table if not exists chatfuel_raw.{table} ({columns})")
        tables = [table for table in schema["tables"] if table != "pulls"]
        for day in range(first, last + 1):
            _write_pull(connection, tables, day, *shape)


def _write_pull(
    connection: duckdb.DuckDBPyConnection,
    tables: list[str],
    day: int,
    users: int,
    attributes: int,
    per_user: int,
    recipients: int,
    changed: float,
) -> None:
    last, before = connection.execute(
        # days that `fill` made have no raw rows
        "select pull_id, users_rows from chatfuel_raw.pulls"
        " where pull_id = (select max(pull_id) from chatfuel_raw.users)"
    ).fetchone() or (None, 0)
    everyone = before + users // 1000 if last else users
    sent = day // BROADCAST_EVERY
    names = f"(select range as position, attribute_name(range, {attributes}, {per_user}) as attribute_name from range({attributes}))"
    rows = {
        "attributes": f"select attribute_name, 'custom' as attribute_type from {names}",
        "users": f"""
            select
                chatfuel_user_id, '1234567890' as page_id,
                'First' || number % 5000 as first_name, 'Last' || number % 70000 as last_name,
                text_of(least(pulled(0) - interval 1 minute * (number * 3), pulled({day}))) as signed_up,
                case
                    when last_seen is null or chance(number, {day}, 1) < 0.05
                        then text_of(pulled({day}) - interval 1 minute * (number % 1400 + 1))
                    else last_seen
                end as last_seen,
                case when chance(number, 0, 2) < 0.08 + 0.0001 * {day} then 'blocked' else 'reachable' end as status,
                '-7.0' as timezone, ['male', 'female'][1 + number % 2] as gender, 'en_US' as locale,
                'direct' as source, (1 + number % 40)::varchar as sessions,
                'block' || number % 300 as last_visited_block_id, 'Block ' || number % 300 as last_visited_block_name
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
        """,
        "segments": "select 'segment' || range as segment_id, 'Segment ' || range as segment_name from range(40)",
        "broadcasts": f"""
            select
                range as row_number, text_of(sent_at(range)) as sent_timestamp,
                'Broadcast' as broadcast_type, broadcast_name(range) as trigger_settings,
                'Message of ' || broadcast_name(range) as content, '100%' as progress,
                '{recipients}' as total_users, '{recipients // 2}' as read_users, '{recipients // 9}' as clicked_users,
                '{recipients // 50}' as failed_users, 'false' as is_user_timezone
            from range(1, {sent + 1})
        """,
        "scheduled_entries": f"""
            select broadcast_name(range) as broadcast_id, to_json({{
                id: broadcast_name(range), block_id: 'block ' || range, enabled: true, planned: false,
                block_title: broadcast_name(range), broadcast_start_timestamp: epoch(sent_at(range))::bigint
            }})::varchar as payload
            from range(1, {sent + 1})
        """,
    }
    if not last:
        # one value in each stretch of attributes, mostly in the first ones of it
        rows["user_attributes"] = f"""
            select
                user_id(number) as chatfuel_user_id, attribute_name,
                value_of(attribute_name, luck(number, position, 0)) as attribute_value
            from (
                select
                    number,
                    first + floor((after - first) * chance(number, stretch, 0) ** 3)::bigint as position
                from (select range as number from range({users})), (
                    select
                        range as stretch,
                        (range * {attributes}) // {per_user} as first,
                        ((range + 1) * {attributes}) // {per_user} as after
                    from range({per_user})
                )
            )
            inner join {names} using (position)
        """
    if sent and day % BROADCAST_EVERY == 0:
        block = '{"id": "block", "title": "x", "removed": false, "user_filter": {"operation": "or", "valid": true, "parameters": []}}'
        rows["block_filters"] = (
            f"select broadcast_name({sent}) as broadcast_id, 'block {sent}' as block_id, '{block}' as payload"
        )
        rows["broadcast_recipients"] = f"""
            select broadcast_name({sent}) as broadcast_id, user_id(number) as chatfuel_user_id
            from (select distinct (range * 7 + 7919 * {sent}) % {everyone} as number from range({recipients}))
        """
    connection.begin()
    pull = f"pull_id_of(pulled({day})) as pull_id, pulled({day})::date as pull_date, pulled({day}) as pulled_at, '{BOT_ID}' as bot_id"
    counts = ""
    for table in tables:
        insert = f"insert into chatfuel_raw.{table} by name select {pull}, * from"
        written = connection.execute(f"{insert} ({rows[table]})").fetchone()[0] if table in rows else 0
        counts += f", {written} as {table}_rows"
    connection.execute(
        f"insert into chatfuel_raw.pulls by name select {pull}, 'api' as source, 'benchmark' as loader_version{counts}"
    )
    connection.commit()


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
}
# What counts towards KPIs stays with its users, so that numbers and events still agree.
_STAYS = "'segment', 'research_answer', 'phone_number', 'email', 'unsubscribed', 'status', 'bcast_start_rate', 'bcast_read_rate'"


def fill(path: str, until: int) -> None:
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
        steps = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where table_name like '%\\_\\_steps' escape '\\'"
        ).fetchall()
        # every table has worked through the days that were made
        for (name,) in steps:
            connection.execute(
                f"insert into {name} select bot_id, pull_id, pulled_at from chatfuel_intermediate.int_chatfuel__pulls"
                f" where pulled_at > timestamp '{last[0]}'"
            )


def _fill_table(path: str, table: str, last_pull: datetime, last: int, users: int, until: int) -> None:
    with connect(path) as connection:
        connection.execute(
            f"create temp table template as from {table} where {_TRACES[table]} = '{last_pull}'"
        )
        kinds = {row[0]: row[1] for row in connection.execute("describe template").fetchall()}
        other = f"user_id((user_number(chatfuel_user_id) + 7919 * shift) % {users})"
        replaced, which = {}, "true"
        for column, kind in kinds.items():
            if kind in ("TIMESTAMP", "DATE"):
                replaced[column] = f"({column} + interval 1 day * shift)::{kind}"
            elif column.endswith("pull_id"):
                replaced[column] = (
                    f"pull_id_of(strptime({column}, '%Y%m%dT%H%M%SZ') + interval 1 day * shift)"
                )
            elif column.endswith("_key"):
                replaced[column] = f"left({column}, 27) || 'x' || lpad(day::varchar, 4, '0')"
            elif column == "pull_number":
                replaced[column] = "pull_number + shift"
            elif column == "broadcast_id":
                replaced[column] = f"if(broadcast_id is null, null, broadcast_name(day // {BROADCAST_EVERY}))"
        if "event_type" in kinds:
            replaced["chatfuel_user_id"] = f"if(attribute_name in ({_STAYS}), chatfuel_user_id, {other})"
            which += f" and (event_type <> 'broadcast_received' or day % {BROADCAST_EVERY} = 0)"
            which += " and event_type not in ('user_appeared', 'user_signed_up', 'user_disappeared')"
        elif table.endswith(("user_visits", "broadcast_recipients")):
            replaced["chatfuel_user_id"] = other
        # who is unsubscribed says whose events count, and that must stay as it is
        if table.endswith("versions"):
            which += f" and {'kpi' if 'kpi' in kinds else 'attribute_name'} <> 'unsubscribed'"
        if table.endswith("recipients"):
            which += f" and day % {BROADCAST_EVERY} = 0"
        columns = ", ".join(f"{sql} as {column}" for column, sql in replaced.items())
        connection.begin()
        # one day after the other, as pulls would have brought them
        for day in range(last + 1, until + 1):
            connection.execute(
                f"insert into {table} by name select * exclude (day, shift) replace ({columns}) from template"
                f" cross join (select {day} as day, {day - last} as shift) as days where {which}"
            )
        connection.commit()
