"""``python deploy/dbt_cloud/trigger.py``: run a job of dbt Cloud until it finishes, on the loader's host.

Settings come from the environment: ``DBT_CLOUD_TOKEN`` (a service token that may run jobs),
``DBT_CLOUD_ACCOUNT_ID``, ``DBT_CLOUD_JOB_ID``, ``DBT_CLOUD_URL`` (https://cloud.getdbt.com),
``DBT_CLOUD_TIMEOUT`` and ``DBT_CLOUD_POLL_SECONDS`` (seconds; 10800, 15).

Exit codes are those of the loader: 0 the run succeeded, 1 it failed, 2 a setting is missing, 3 the token was
refused, 4 dbt Cloud cannot be reached or the run did not end in time.

Source: https://docs.getdbt.com/dbt-cloud/api-v2
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

_SUCCESS, _ENDED = 10, {10: "succeeded", 20: "failed", 30: "was cancelled"}
# Reading again is harmless. To trigger again would run the job twice, so that is tried once.
_RETRIES = Retry(5, backoff_factor=1, status_forcelist=[429, 500, 502, 503, 504], allowed_methods=["GET"])


def main() -> int:
    """Run the job.

    Returns:
        The exit code.
    """
    settings = ("DBT_CLOUD_TOKEN", "DBT_CLOUD_ACCOUNT_ID", "DBT_CLOUD_JOB_ID")
    if missing := [name for name in settings if not os.environ.get(name)]:
        return _end(2, f"Set {', '.join(missing)}.")
    token, account, job = (os.environ[name] for name in settings)
    url = (
        os.environ.get("DBT_CLOUD_URL", "https://cloud.getdbt.com").rstrip("/")
        + f"/api/v2/accounts/{account}"
    )
    deadline = time.monotonic() + float(os.environ.get("DBT_CLOUD_TIMEOUT", "10800"))
    with requests.Session() as session:
        session.headers["Authorization"] = f"Token {token}"
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(max_retries=_RETRIES))
        try:
            run = _ask(session, "POST", f"{url}/jobs/{job}/run/", json={"cause": "The loader has pulled."})
            print(f"Run {run['id']}: {run.get('href', '')}")
            while run["status"] not in _ENDED:
                if time.monotonic() > deadline:
                    return _end(4, f"Run {run['id']} did not end in time. It goes on; see its page.")
                time.sleep(float(os.environ.get("DBT_CLOUD_POLL_SECONDS", "15")))
                run = _ask(session, "GET", f"{url}/runs/{run['id']}/")
        except requests.HTTPError as error:
            if error.response.status_code in (401, 403):
                return _end(
                    3, "dbt Cloud refused DBT_CLOUD_TOKEN. It needs the right to run jobs of this account."
                )
            return _end(
                4, f"dbt Cloud answered {error.response.status_code} to {error.request.method}. Try later."
            )
        except requests.RequestException as error:
            return _end(4, f"dbt Cloud cannot be reached: {type(error).__name__}. Try later.")
    message = run.get("status_message") or "see its page"
    return _end(int(run["status"] != _SUCCESS), f"Run {run['id']} {_ENDED[run['status']]}: {message}")


def _ask(session: requests.Session, method: str, url: str, **options: Any) -> dict[str, Any]:
    response = session.request(method, url, timeout=60, **options)
    response.raise_for_status()
    return response.json()["data"]


def _end(code: int, message: str) -> int:
    print(message, file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
