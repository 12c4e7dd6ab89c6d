"""The cases that the history must get right, one bot each: its pulls in order, each as (when, users) or a Pull."""

from __future__ import annotations

from dataclasses import replace

from tests.pipeline.bots import Pull, campaign, entry, line, user

DAY_1, DAY_2, DAY_3, DAY_4 = (f"2024-06-0{day} 07:30:00" for day in (3, 4, 5, 6))
SENT = "2024-06-02 17:10:00"
NASTY = ["a,b", 'say "no"', "two\nlines", "naïve 🙂", "NA", "null", "007", "10:00", "-7.0", " ", "it's"]

# Each case: its pulls in order. A pull is (when, users) or a Pull.
CASES = {
    # cat was never seen before; dan is not shown any more; `b` is of the old surface alone, `c` of the panel
    "a_bot_moves_to_the_panel": [
        (DAY_1, {"ann": user(a="x", b="y"), "dan": user()}),
        Pull(DAY_2, {"ann": {"a": "x", "c": "z"}, "cat": {"a": "x"}}, surface="panel"),
        Pull(DAY_3, {"ann": {"c": "z"}, "cat": {"c": "z"}, "eve": {"c": "z"}}, surface="panel"),
    ],
    # the team sets a default value of `a`, which bob and new dan read as having; eve comes later, and cid had his own
    "a_default_value_is_set": [
        Pull(DAY_1, {"ann": {}, "bob": {}, "cid": {"a": "y"}}, surface="panel"),
        Pull(
            DAY_2,
            {"ann": {"a": "x"}, "bob": {"a": "x"}, "cid": {"a": "y"}, "dan": {"a": "x"}},
            surface="panel",
            defaults={"a": "x"},
        ),
        Pull(
            DAY_3,
            {"ann": {"a": "z"}, "bob": {"a": "x"}, "cid": {"a": "y"}, "dan": {"a": "x"}, "eve": {"a": "x"}},
            surface="panel",
            defaults={"a": "x"},
        ),
        Pull(DAY_4, {"ann": {"a": "z"}, "bob": {}, "cid": {"a": "y"}, "dan": {}, "eve": {}}, surface="panel"),
    ],
    # ann leaves blocked and comes back reachable, after a gap of a year; bob blocks and unblocks on one day
    "base_adds_up_across_a_gap": [
        (DAY_1, {"ann": user(), "bob": user(), "cid": user(), "eve": user(status="blocked")}),
        (
            "2024-06-03 19:30:00",
            {"ann": user(status="blocked"), "bob": user(status="blocked"), "cid": user()},
        ),
        (DAY_2, {"bob": user(), "cid": user(), "dan": user()}),
        ("2025-07-13 07:30:00", {"ann": user(), "bob": user(), "dan": user(status="blocked"), "fay": user()}),
        ("2025-07-14 07:30:00", {"ann": user(), "bob": user(), "dan": user(), "fay": user()}),
    ],
    "vanish_and_return_unchanged": [
        (DAY_1, {"1": user(a="x"), "2": user()}),
        (DAY_2, {"2": user()}),
        (DAY_3, {"1": user(a="x"), "2": user()}),
    ],
    "vanish_and_return_changed": [
        (DAY_1, {"1": user(a="x"), "2": user()}),
        (DAY_2, {"2": user()}),
        (DAY_3, {"1": user(a="y"), "2": user()}),
    ],
    "vanish_and_return_without_value": [
        (DAY_1, {"1": user(a="x"), "2": user(a="z")}),
        (DAY_2, {"2": user(a="z")}),
        (DAY_3, {"1": user(), "2": user(a="z")}),
        (DAY_4, {"1": user(a="x"), "2": user(a="z")}),
    ],
    "value_emptied_then_same_value": [
        (DAY_1, {"1": user(a="x"), "2": user(a="z")}),
        (DAY_2, {"1": user(), "2": user(a="z")}),
        (DAY_3, {"1": user(a="x"), "2": user(a="z")}),
    ],
    "same_value_again": [(day, {"1": user(a="x")}) for day in (DAY_1, DAY_2, DAY_3)],
    "attribute_retired_then_back": [
        (DAY_1, {"1": user(a="x"), "2": user(a="y")}),
        Pull(DAY_2, {"1": user(), "2": user()}, catalogue=[]),
        (DAY_3, {"1": user(a="x"), "2": user(a="z")}),
    ],
    "attribute_renamed_in_case_only": [
        (DAY_1, {"1": user(Color="red")}),
        (DAY_2, {"1": user(color="red")}),
    ],
    "names_that_differ_in_case_or_space_only": [
        (DAY_1, {"1": {**user(), "AB_Split": "1", "ab_split": "2", "AB Split": "3"}}),
        (DAY_2, {"1": {**user(), "AB_Split": "0", "ab_split": "2", "AB Split": "3"}}),
    ],
    "new_attribute_on_existing_users": [
        (DAY_1, {"1": user(), "2": user()}),
        (DAY_2, {"1": user(a="x"), "2": user()}),
    ],
    "new_user": [
        (DAY_1, {"1": user()}),
        (
            DAY_2,
            {
                "1": user(),
                "2": user(signed__up="2024-06-03 20:00:00", last__seen="2024-06-03 20:05:00", a="x"),
            },
        ),
    ],
    "user_id_above_2_53": [
        (DAY_1, {"9007199254740993": user(a="x"), "9007199254740992": user(a="x")}),
        (DAY_2, {"9007199254740993": user(a="y"), "9007199254740992": user(a="x")}),
    ],
    "two_pulls_in_a_day": [
        (DAY_1, {"1": user(a="x")}),
        ("2024-06-03 19:30:00", {"1": user(a="y")}),
        (DAY_2, {"1": user(a="x")}),
    ],
    "skipped_day": [
        (DAY_1, {"1": user(segment="lead")}),
        (DAY_3, {"1": user(segment="hero")}),
        (DAY_4, {"1": user(segment="hero")}),
    ],
    "first_pull": [
        Pull(DAY_1, {"1": user(a="x", status="blocked")}, recipients={"b1": (SENT, ["1"])}),
    ],
    "same_user_ids_of_one_bot": [(DAY_1, {"1": user(a="x")}), (DAY_2, {"1": user(a="y")})],
    "same_user_ids_of_another_bot": [(DAY_1, {"1": user(a="x")}), (DAY_2, {"1": user(a="x")})],
    "nasty_values": [
        (DAY_1, {str(number): user() for number in range(len(NASTY))}),
        (DAY_2, {str(number): user(a=value) for number, value in enumerate(NASTY)}),
    ],
    "blocked_and_unblocked": [
        (DAY_1, {"1": user()}),
        (DAY_2, {"1": user(status="blocked")}),
        (DAY_3, {"1": user()}),
    ],
    "first_seen_blocked": [(DAY_1, {"1": user()}), (DAY_2, {"1": user(), "2": user(status="blocked")})],
    "volatile_attributes": [
        (DAY_1, {"1": user(sessions="1", last__visited__block__id="b")}),
        (DAY_2, {"1": user(sessions="2", last__visited__block__id="c")}),
    ],
    "seen_again": [
        (DAY_1, {"1": user(), "2": user()}),
        (DAY_2, {"1": user(last__seen="2024-06-03 21:00:00"), "2": user()}),
    ],
    "recipients_that_come_later": [
        Pull(DAY_1, {"1": user(a="x")}),
        Pull(DAY_2, {"1": user(a="y")}),
        Pull(DAY_3, {"1": user(a="z")}, recipients={"b1": (SENT, ["1"])}),
    ],
    "two_broadcasts_received": [
        Pull(
            DAY_1, {"1": user(a="x")}, recipients={"b1": (SENT, ["1"]), "b2": ("2024-06-03 05:00:00", ["1"])}
        ),
        Pull(DAY_2, {"1": user(a="y")}),
    ],
    "broadcast_too_long_ago": [
        Pull(DAY_1, {"1": user(a="x")}, recipients={"b1": ("2024-05-28 07:29:00", ["1"])}),
        Pull(DAY_2, {"1": user(a="y")}),
    ],
    "a_campaign_goes_out_at_once": [
        Pull(DAY_1, {"ann": {"a": "x"}}, surface="panel"),
        Pull(DAY_2, {"ann": {"a": "y"}}, recipients={"c": (None, ["ann"])}, surface="panel"),
        Pull(DAY_3, {"ann": {"a": "z"}}, entries=[campaign("c")], surface="panel"),
    ],
    "counters_that_grow": [
        Pull(DAY_1, {"1": user()}, broadcast_list=[line(SENT, "t", 10, 1)], entries=[entry("b1", SENT, "t")]),
        Pull(
            DAY_2, {"1": user()}, broadcast_list=[line(SENT, "t", 10, 4, 2)], entries=[entry("b1", SENT, "t")]
        ),
    ],
    "broadcast_without_entry": [
        Pull(DAY_1, {"1": user()}, broadcast_list=[line(SENT, "t", 0)]),
    ],
    "two_broadcasts_in_one_second": [
        Pull(
            DAY_1,
            {"1": user()},
            broadcast_list=[line(SENT, "t2", 20), line(SENT, "t1", 10)],
            entries=[entry("b1", SENT, "t1"), entry("b2", SENT, "t2")],
        ),
    ],
    "audiences": [
        Pull(
            DAY_1,
            {"1": user()},
            broadcast_list=[line(f"2024-06-02 17:1{minute}:00", f"b{minute}") for minute in range(4)],
            entries=[entry(f"b{minute}", f"2024-06-02 17:1{minute}:00") for minute in range(4)],
            segments={"s1": "all_climate"},
            block_filters={
                "b0": {
                    "user_filter": {
                        "operation": "and",
                        "valid": True,
                        "parameters": [
                            {"type": "segment", "name": None, "operation": "is", "values": ["s1"]},
                            {"type": "custom", "name": "AB_Split", "operation": "lt", "values": ["51"]},
                        ],
                    }
                },
                "b1": {"user_filter": {"operation": "or", "valid": True, "parameters": []}},
                "b2": {"title": "gone", "removed": True, "user_filter": None},
            },
        ),
    ],
}
PULLS = [
    replace(pull if isinstance(pull, Pull) else Pull(*pull), bot_id=case)
    for case, pulls in CASES.items()
    for pull in pulls
]
