"""The LookML project: it parses, is up to date, and whatever a dashboard asks for, the marts answer."""

from __future__ import annotations

import json
import re

import lkml
import pytest
import yaml

from looker.generate import HERE, generate
from tests.pipeline.bots import Pull, line, user, write_pulls
from tests.pipeline.project import Project

# one worker, one build
pytestmark = pytest.mark.xdist_group("looker")

SENT = "2024-06-03 17:10:00"
PULLS = [
    Pull("2024-06-03 07:30:00", {"1": user(segment="lead"), "2": user()}),
    Pull(
        "2024-06-04 07:30:00",
        {"1": user(segment="hero"), "2": user(email="a@b.example")},
        recipients={"b1": (SENT, ["1", "2"])},
        broadcast_list=[line(SENT, "b1", read=1, clicked=1)],
    ),
    Pull(
        "2024-06-05 07:30:00",
        {"1": user(segment="hero", email="c@d.example"), "2": user(segment="lead")},
        broadcast_list=[line(SENT, "b1", read=2, clicked=1)],
    ),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("looker")
    project = Project(folder / "warehouse.duckdb", folder / "target")
    with project.connect() as connection:
        write_pulls(connection, PULLS)
    project.build()
    return project


@pytest.fixture(scope="module")
def files(built):
    """What would be generated now."""
    return generate(json.loads((built.target_path / "manifest.json").read_text()))


def fields_of(view):
    """The fields of a view as an explore names them, with the SQL of each, and whether it is a measure."""
    for dimension in view.get("dimensions", []):
        yield dimension["name"], dimension["sql"], None
    for group in view.get("dimension_groups", []):
        for frame in group["timeframes"]:
            yield f"{group['name']}_{frame}", group["sql"], None
    for measure in view["measures"]:
        yield measure["name"], measure.get("sql", "*"), measure["type"]


@pytest.fixture(scope="module")
def views(files):
    parsed = [view for name, text in files.items() if "views/" in name for view in lkml.load(text)["views"]]
    return {view["name"]: {name: rest for name, *rest in fields_of(view)} for view in parsed}


@pytest.fixture(scope="module")
def explores(files):
    return {explore["name"]: explore for explore in lkml.load(files["explores.lkml"])["explores"]}


def test_generated_files_are_up_to_date(files):
    kept = {str(path.relative_to(HERE)) for path in [*HERE.glob("views/*"), HERE / "explores.lkml"]}
    assert kept == files.keys()
    stale = [name for name, text in files.items() if (HERE / name).read_text() != text]
    assert stale == [], "run `make looker`"


def test_every_file_is_lookml_and_comes_back_the_same():
    paths = list(HERE.rglob("*.lkml"))
    assert len(paths) > 10
    for path in paths:
        content = lkml.load(path.read_text())
        assert content
        assert lkml.load(lkml.dump(content)) == content, path


def test_no_view_has_a_name_twice(files):
    for name, text in files.items():
        for view in lkml.load(text).get("views", []):
            names = [field for field, *_ in fields_of(view)]
            assert len(names) == len(set(names)), name


def test_every_field_is_called_in_words_and_every_number_is_formatted_and_leads_to_its_rows(files):
    bare = []
    for name, text in files.items():
        for view in lkml.load(text).get("views", []):
            shown = [one for one in view["dimensions"] if one.get("hidden") != "yes"]
            numbers = [one for one in [*shown, *view["measures"]] if one["type"] not in ("string", "yesno")]
            rates = [one for one in shown if one["name"].endswith("_rate")]
            bare += [
                (name, one["name"], lacks)
                for fields, lacks in (
                    ([*shown, *view.get("dimension_groups", []), *view["measures"]], "label"),
                    (numbers, "value_format_name"),
                    (view["measures"], "drill_fields"),
                    (rates, "group_label"),
                )
                for one in fields
                if not one.get(lacks) or "_" in one.get("label", "_")
            ]
            (details,) = view["sets"]
            hidden = {one["name"] for one in view["dimensions"]} - {one["name"] for one in shown}
            assert set(details["fields"]) <= {field for field, *_ in fields_of(view)} - hidden
    assert bare == []


def test_who_somebody_is_is_hidden(files):
    (users,) = lkml.load(files["views/dim_chatfuel__users.view.lkml"])["views"]
    hidden = {one["name"] for one in users["dimensions"] if one.get("tags") == ["personal"]}
    assert hidden == {"first_name", "last_name", "instagram_name", "instagram_handle"}
    assert {one["hidden"] for one in users["dimensions"] if one["name"] in hidden} == {"yes"}


def test_every_field_that_a_measure_or_a_join_names_exists(views, explores):
    for name, fields in views.items():
        for sql, _ in fields.values():
            assert set(re.findall(r"\$\{(?!TABLE)([^}.]+)\}", sql)) <= fields.keys(), name
    for explore in explores.values():
        for join in explore.get("joins", []):
            named = re.findall(r"\$\{(\w+)\.(\w+)\}", join["sql_on"])
            assert {view for view, _ in named} == {explore["name"], join["name"]}
            assert [field for view, field in named if field not in views[view]] == []


def elements():
    for path in sorted(HERE.glob("dashboards/*")):
        (dashboard,) = yaml.safe_load(path.read_text())
        for element in dashboard["elements"]:
            yield pytest.param(dashboard, element, id=f"{dashboard['dashboard']}-{element['name']}")


def test_there_are_the_three_dashboards_of_the_brief():
    names = {path.name.split(".")[0] for path in HERE.glob("dashboards/*")}
    assert names == {"engagement_overview", "broadcasts_overview", "clicks_over_time"}


@pytest.mark.parametrize(("dashboard", "element"), elements())
def test_what_a_dashboard_asks_for_the_marts_answer(built, views, explores, dashboard, element):
    """As Looker would ask, but for time frames: each field is looked up, and the query is run on DuckDB."""
    explore = explores[element["explore"]]
    joined = {join["name"]: join["sql_on"] for join in explore.get("joins", [])}
    heard = set(element.get("listen", {}).values())
    assert element.get("listen", {}).keys() <= {one["name"] for one in dashboard["filters"]}
    assert {*element.get("pivots", []), *element.get("filters", {})} <= set(element["fields"])
    for name in {*element["fields"], *heard}:
        view, field = name.split(".")
        assert view in {explore["name"], *joined}
        assert field in views[view], name

    def sql(view, field):
        expression, kind = views[view][field]
        expression = re.sub(r"\$\{(?!TABLE)(\w+)\}", lambda named: sql(view, named[1]), expression)
        expression = expression.replace("${TABLE}", view)
        aggregate = {None: "{}", "number": "{}", "average": "avg({})", "count_distinct": "count(distinct {})"}
        return aggregate.get(kind, f"{kind}({{}})").format(expression)

    def column(named):
        return sql(named[1], named[2])

    chosen = [sql(*name.split(".")) for name in element["fields"]]
    source = f"chatfuel.{explore['name']} as {explore['name']}"
    for view, on in joined.items():
        condition = re.sub(r"\$\{(\w+)\.(\w+)\}", column, on)
        source += f" left join chatfuel.{view} as {view} on {condition}"
    conditions = [
        f"{sql(*name.split('.'))} in ({', '.join(repr(value) for value in wanted.replace('^_', '_').split(','))})"
        for name, wanted in element.get("filters", {}).items()
    ]
    rows = built.query(
        f"select {', '.join(chosen)} from {source} where {' and '.join(conditions) or 'true'} group by all"
    )
    assert rows
    assert any(None not in row for row in rows)
