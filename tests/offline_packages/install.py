"""Fills `dbt_packages/`: from the dbt hub, or from this folder where the hub cannot be reached.

Run by `make setup`, in the project's folder; in a project that installs this one by path (`local:`), in place of `dbt deps`.
It needs dbt in the same environment, and nothing else.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

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
    """Puts the offline packages, and those that packages.yml has by path, in the place of their namesakes."""
    entries = yaml.safe_load(Path("packages.yml").read_text())["packages"]
    local = [Path(entry["local"]) for entry in entries if "local" in entry]
    for folder in (*OFFLINE_PACKAGES.glob("*/"), *local):
        if (folder / "dbt_project.yml").is_file():
            name = yaml.safe_load((folder / "dbt_project.yml").read_text())["name"]
            place = INSTALLED_PACKAGES / name
            place.unlink() if place.is_symlink() else shutil.rmtree(place, ignore_errors=True)
            if folder in local:
                INSTALLED_PACKAGES.mkdir(exist_ok=True)
                place.symlink_to(folder.resolve())
            else:
                shutil.copytree(folder, place)
    print(
        "dbt packages: the hub cannot be reached, so tests/offline_packages/ takes their place "
        "(enough for everything here; `dbt deps` fetches the real ones)."
    )


if __name__ == "__main__":
    main()
