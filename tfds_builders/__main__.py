"""`python -m tfds_builders NAME` builds a dataset, `... check NAME...` looks for duplicates, `... docs` lists all."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import logging
from rich.console import Console

from tfds_builders import BUILDERS
from tfds_builders.record import DatasetError

PROGRAM = "python -m tfds_builders"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that the first word names; any other word is the name of a dataset to build.

    Returns:
        The exit status: 0, or 2 after a `DatasetError` or a file that cannot be written: then one line on stderr.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    logging.set_verbosity(logging.ERROR)
    try:
        if words[:1] == ["check"]:
            _check(words[1:])
        elif words[:1] == ["docs"]:
            _write_docs(words[1:])
        else:
            _build(words)
    except (DatasetError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


# Loading TFDS takes seconds; a mistyped option need not wait for it. So each command imports what it needs.


def _build(arguments: Sequence[str]) -> None:
    """Builds a dataset and describes it."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Builds one dataset.",
        epilog=f"Other commands: '{PROGRAM} check --help', '{PROGRAM} docs --help'.",
    )
    parser.add_argument("name", metavar="NAME", help=f"name or name/config, one of: {', '.join(sorted(BUILDERS))}")
    parser.add_argument(
        "--manual_dir", metavar="DIR", help="where the release is: its folder, or what contains it or its zip"
    )
    parser.add_argument("--data_dir", metavar="DIR", help="where built datasets live (default: TFDS's own)")
    parser.add_argument("--no_download", action="store_true", help="fetch nothing")
    options = parser.parse_args(arguments)
    from tfds_builders import reading
    from tfds_builders.summary import summarise

    data_dir = options.data_dir or reading.default_data_dir()
    dataset = reading.prepare(
        options.name, data_dir, options.manual_dir, download=not options.no_download, progress=True
    )
    builder = reading.make_builder(options.name, data_dir)
    console = Console()
    console.print(summarise(dataset, builder.facts.images))
    for part, state in builder.built_from().items():
        console.print(f"built from {part} ({state})", soft_wrap=True)
    console.print(f"in {builder.data_dir}", soft_wrap=True)


def _check(arguments: Sequence[str]) -> None:
    """Looks for duplicates and other faults in built datasets."""
    from tfds_builders.check import command

    command.run(arguments)


def _write_docs(arguments: Sequence[str]) -> None:
    """Writes the list of all datasets."""
    parser = argparse.ArgumentParser(prog=f"{PROGRAM} docs", description="Writes the page that lists all datasets.")
    parser.add_argument("--output", metavar="FILE", default="docs/datasets.md", help="where (default: %(default)s)")
    options = parser.parse_args(arguments)
    from busjax.atomic import write_atomic
    from tfds_builders import catalogue

    text = catalogue.catalogue(catalogue.load_builders())
    path = Path(options.output).expanduser()
    write_atomic(path, text)
    print(f"in {path}")


if __name__ == "__main__":
    sys.exit(main())
