"""Fills `dbt_packages/`: from the dbt hub, or from this folder where the hub cannot be reached.

Run by `make setup`, in the project's folder. It needs dbt in the same environment, and nothing else.
"""

import shutil
import subprocess
import sys
from pathlib import Path

OFFLINE_PACKAGES = Path(__file__).parent
INSTALLED_PACKAGES = Path("dbt_packages")
# dbt waits 30 seconds for every answer and asks six times; a hub that answers needs a few seconds
TIMEOUT_SECONDS = 60
UNREACHABLE = "External connection exception occurred"


def main():
    """Installs the packages and says which; ends with dbt's own message if `packages.yml` is at fault."""
    try:
        deps = subprocess.run(
            [Path(sys.executable).with_name("dbt"), "--no-use-colors", "deps"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        install_offline_packages()
        return
    if deps.returncode == 0:
        print("dbt packages: installed from the hub.")
    elif UNREACHABLE in deps.stdout:
        install_offline_packages()
    else:
        sys.exit(deps.stdout)


def install_offline_packages():
    """Puts the offline packages in the place of all that `dbt_packages/` held."""
    shutil.rmtree(INSTALLED_PACKAGES, ignore_errors=True)
    for project_file in OFFLINE_PACKAGES.glob("*/dbt_project.yml"):
        shutil.copytree(project_file.parent, INSTALLED_PACKAGES / project_file.parent.name)
    print(
        "dbt packages: the hub cannot be reached, so tests/offline_packages/ takes their place "
        "(enough for everything here; `dbt deps` fetches the real ones)."
    )


if __name__ == "__main__":
    main()
