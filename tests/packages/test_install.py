"""Set-up fills `dbt_packages/` from the hub, or from the offline packages where the hub is out of reach."""

import importlib.util
import io
import json
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

ROOT = Path(__file__).parents[2]
OFFLINE_PACKAGES = ROOT / "tests/offline_packages"
HUB_NAMES = {"dbt_utils": "dbt-labs/dbt_utils", "dbt_expectations": "metaplane/dbt_expectations"}
VERSIONS = {"dbt_utils": "1.3.9", "dbt_expectations": "0.10.9"}


@pytest.fixture
def install():
    spec = importlib.util.spec_from_file_location("install", OFFLINE_PACKAGES / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A dbt project with this project's packages.yml, as the working directory."""
    (tmp_path / "dbt_project.yml").write_text(
        "{name: throw_away, flags: {send_anonymous_usage_stats: false}}"
    )
    (tmp_path / "packages.yml").write_bytes((ROOT / "packages.yml").read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def hub(monkeypatch):
    """A dbt hub on this machine: what it answers, by path; anything else is not found."""
    answers = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer = answers.get(self.path)
            self.send_response(200 if answer is not None else 404)
            self.end_headers()
            self.wfile.write(answer or b"")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    answers["url"] = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setenv("DBT_PACKAGE_HUB_URL", answers["url"])
    yield answers
    server.shutdown()
    server.server_close()


def offer(hub, name):
    """Puts the offline package into the hub, marked as the hub's."""
    version = VERSIONS[name]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.add(OFFLINE_PACKAGES / name, arcname=f"{name}-{version}")
        mark = tarfile.TarInfo(f"{name}-{version}/from_the_hub")
        tar.addfile(mark, io.BytesIO())
    entry = {
        "name": name,
        "packages": [],
        "downloads": {"tarball": f"{hub['url']}{name}.tar.gz"},
    }
    hub[f"/{name}.tar.gz"] = buffer.getvalue()
    hub[f"/api/v1/{HUB_NAMES[name]}.json"] = json.dumps({"name": name, "versions": {version: entry}}).encode()


def names(folder):
    """Returns the names that the installed packages give themselves."""
    return {
        yaml.safe_load(file.read_text())["name"] for file in folder.glob("dbt_packages/*/dbt_project.yml")
    }


def test_the_hub_comes_first(install, project, hub, capsys):
    hub["/api/v1/index.json"] = json.dumps(list(HUB_NAMES.values())).encode()
    for name in HUB_NAMES:
        offer(hub, name)
    install.main()
    assert "installed from the hub" in capsys.readouterr().out
    assert {path.parent.name for path in project.glob("dbt_packages/*/from_the_hub")} == set(HUB_NAMES)


def test_offline_packages_where_the_hub_cannot_be_reached(install, project, monkeypatch, capsys):
    monkeypatch.setenv("DBT_PACKAGE_HUB_URL", "http://127.0.0.1:9/")
    install.main()
    assert "the hub cannot be reached" in capsys.readouterr().out
    assert names(project) == set(HUB_NAMES)


def test_offline_packages_where_the_hub_does_not_answer_in_time(install, project, monkeypatch, capsys):
    monkeypatch.setattr(install, "TIMEOUT_SECONDS", 0.01)
    install.main()
    assert "the hub cannot be reached" in capsys.readouterr().out
    assert names(project) == set(HUB_NAMES)


def test_offline_packages_take_the_place_of_their_namesakes_alone(install, project, monkeypatch):
    for name in ("dbt_utils/stale", "another"):
        (project / "dbt_packages" / name).mkdir(parents=True)
    monkeypatch.setattr(install, "TIMEOUT_SECONDS", 0.01)
    install.main()
    assert not (project / "dbt_packages/dbt_utils/stale").exists()
    assert (project / "dbt_packages/another").exists()


def test_a_project_that_has_this_package_by_path_gets_it_and_what_it_needs(install, project, monkeypatch):
    (project / "packages.yml").write_text(f"packages: [local: {ROOT}]")
    monkeypatch.setattr(install, "TIMEOUT_SECONDS", 0.01)
    for _ in range(2):
        install.main()
    assert names(project) == {"chatfuel", *HUB_NAMES}
    assert (project / "dbt_packages/chatfuel").readlink() == ROOT


def test_a_fault_in_packages_yml_is_not_hidden(install, project, hub):
    hub["/api/v1/index.json"] = b"[]"
    with pytest.raises(SystemExit, match="not found in the package index"):
        install.main()
    assert not (project / "dbt_packages").exists()
