"""Train one part of the embedded model, or all of them in order (configs/shapes/all.yaml)."""

import argparse
import dataclasses
import logging
import sys
from pathlib import Path

from ldm.training.settings import Settings, read_settings


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, help="configs/shapes/<part>.yaml")
    parser.add_argument("--out", type=Path, help="folder of the run (left out: runs/<config>)")
    parser.add_argument("--max-minutes", type=float, help="end after this time")
    parser.add_argument("--max-steps", type=int, help="end after so many steps")
    parser.add_argument("--devices", type=int, default=1, help="number of GPUs, or 1 for a CPU")
    parser.add_argument("--resume", action="store_true", help="go on from the folder's checkpoint")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more")
    return parser.parse_args()


def limited(settings: Settings, arguments: argparse.Namespace) -> Settings:
    """Return `settings` with the limits of the command line."""
    given = {"max_minutes": arguments.max_minutes, "max_steps": arguments.max_steps}
    given = {key: value for key, value in given.items() if value is not None}
    return dataclasses.replace(settings, limits=dataclasses.replace(settings.limits, **given))


def run(arguments: argparse.Namespace) -> None:
    """Train what the configuration names."""
    from ldm.training.parts import train_part

    found = read_settings(arguments.config)
    paths = found if isinstance(found, list) else [arguments.config]
    for path in paths:
        name = path.stem if len(paths) > 1 or not arguments.out else ""
        train_part(
            limited(read_settings(path), arguments),
            folder=(arguments.out or Path("runs")) / name,
            devices=arguments.devices,
            resume=arguments.resume,
        )


def main() -> int:
    """Run; return the exit code."""
    arguments = parse_arguments()
    level = logging.DEBUG if arguments.verbose else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(message)s")
    try:
        run(arguments)
    except KeyboardInterrupt:
        return 130
    except (ValueError, OSError) as error:
        sys.stderr.write(f"train.py: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
