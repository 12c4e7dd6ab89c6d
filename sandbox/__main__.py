"""``python -m sandbox``: start a local Chatfuel and say where it is."""

import argparse
import signal
import sys
from datetime import date

from sandbox.clock import iso
from sandbox.options import Options
from sandbox.server import Server


def main() -> int:
    """Serve until the process is told to end."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="A local Chatfuel over a simulated bot, for the demo and the tests.",
        epilog="""It fails on demand: POST /_sandbox/faults with {"fault": "broken-off", "on": "users",
        "times": 2} has the next two downloads of users break off. GET lists what can go wrong, DELETE calls
        it off. sandbox/faults.py tells the rest.""",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    defaults = Options()
    helps = {
        "port": "port on 127.0.0.1; 0 takes a free one",
        "users": "users of each bot a week before day 0",
        "attributes": "custom attributes in the catalogue of day 0",
        "seed": "same seed, same day: same bytes",
        "start": "date of day 0, as 2024-06-03",
        "day": "day to start at",
        "token": "token that requests must carry",
        "bot_id": "bot id, or several separated by commas",
        "document_seconds": "how long a generated document can be downloaded",
    }
    for name, text in helps.items():
        default = getattr(defaults, name)
        kind = date.fromisoformat if isinstance(default, date) else type(default)
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=default, help=text)
    try:
        server = Server(Options(**vars(parser.parse_args())))
    except (ValueError, OSError, OverflowError) as error:
        parser.exit(2, f"sandbox: {error}. See python -m sandbox --help.\n")
    world = server.application.world
    print(f"sandbox: {server.url} day {world.day} {iso(world.now)}", flush=True)

    def stop(number, frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
