"""`python -m tfds_builders NAME`: builds one dataset and prints what is in it."""

import argparse
import sys
from collections.abc import Sequence

from absl import logging
from rich.console import Console

from tfds_builders import BUILDERS
from tfds_builders.record import DatasetError


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds and describes a dataset.

    Returns:
        The exit status: 0, or 2 after a `DatasetError`, whose message goes to stderr in one line.
    """
    parser = argparse.ArgumentParser(prog="python -m tfds_builders", description="Builds one dataset.")
    parser.add_argument("name", metavar="NAME", help=f"one of: {', '.join(sorted(BUILDERS))}")
    parser.add_argument(
        "--manual_dir", metavar="DIR", help="where the release is: its folder, or what contains it or its zip"
    )
    parser.add_argument("--data_dir", metavar="DIR", help="where built datasets live (default: TFDS's own)")
    parser.add_argument("--no_download", action="store_true", help="fetch nothing")
    options = parser.parse_args(arguments)
    logging.set_verbosity(logging.ERROR)
    # Loading TFDS takes seconds; a mistyped option need not wait for it.
    from tfds_builders import reading
    from tfds_builders.summary import summarise

    try:
        data_dir = options.data_dir or reading.default_data_dir()
        builder = reading.make_builder(options.name, data_dir)
        dataset = reading.prepare(
            options.name, data_dir, options.manual_dir, download=not options.no_download, progress=True
        )
        console = Console()
        console.print(summarise(dataset, builder.FACTS.images))
        console.print(f"in {builder.data_dir}", soft_wrap=True)
    except DatasetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
