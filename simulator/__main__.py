"""`python -m simulator`: reads the command line and opens the simulated world."""

import argparse
from pathlib import Path

from simulator.server import run
from simulator.world import Settings, World


def main() -> None:
    """Parse the options and serve until stopped."""
    parser = argparse.ArgumentParser(prog="simulator", description="Card gateway, mail server and SMS carrier.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8099, help="HTTP port; 0 takes a free one")
    parser.add_argument("--smtp-port", type=int, default=8025, help="SMTP port; 0 takes a free one")
    parser.add_argument("--data", type=Path, help="folder of the journal; without it nothing survives a restart")
    parser.add_argument("--seed", type=int, default=0, help="makes generated ids repeatable; 0 is random")
    parser.add_argument("--latency-ms", type=int, default=0, help="time every gateway call takes")
    parser.add_argument("--port-file", type=Path, help="write the open ports here as JSON")
    run(World(Settings(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
