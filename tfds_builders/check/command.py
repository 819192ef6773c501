"""The command line of a check."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from busjax.atomic import write_atomic
from tfds_builders.check.collection import open_collection
from tfds_builders.check.findings import judge, name_groups
from tfds_builders.check.fingerprints import read_fingerprints
from tfds_builders.check.listing import list_images, list_pairs
from tfds_builders.check.pairs import Rule, find_pairs
from tfds_builders.check.report import build_report
from tfds_builders.check.summary import Counts, count
from tfds_builders.groups import write_groups
from tfds_builders.reading import default_data_dir
from tfds_builders.record import DatasetError


def run(arguments: Sequence[str]) -> None:
    """Checks built datasets, writes a report, two tables and, if asked, a group file, and prints a summary.

    Raises:
        DatasetError: a dataset that is unknown or not built, an output folder that is a file, or too many pairs.
        OSError: a file cannot be written.
    """
    options = _parse(arguments)
    output = Path(options.output).expanduser()
    rule = Rule(
        options.max_distance, options.min_correlation, options.far_distance, options.far_correlation, options.mirrored
    )
    collection = open_collection(options.names, options.data_dir or default_data_dir())
    if output.exists() and not output.is_dir():
        raise DatasetError(f"output {output} is a file, expected a folder")
    prints = read_fingerprints(collection, progress=True)
    findings = judge(collection, prints, find_pairs(prints, rule))
    written = []
    for name, text in (
        ("report.html", build_report(collection, findings, rule, options.max_shown)),
        ("pairs.csv", list_pairs(collection, findings)),
        ("images.csv", list_images(collection, findings)),
    ):
        written.append(output / name)
        write_atomic(written[-1], text)
    if options.groups is not None:
        written.append(Path(options.groups).expanduser())
        write_groups(written[-1], name_groups(collection, findings))
    console = Console()
    for counts in count(collection, findings):
        console.print(_table(counts))
    for path in written:
        console.print(f"in {path}", soft_wrap=True)


def _table(counts: Counts) -> Table:
    printed = Table(title=counts.title)
    for name in counts.header:
        printed.add_column(name, justify="left" if name == counts.header[0] else "right")
    for row in counts.rows:
        printed.add_row(*row)
    return printed


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tfds_builders check",
        description="Finds duplicates within and across built datasets, conflicting labels, and faulty images.",
    )
    rule = Rule()
    parser.add_argument("names", metavar="NAME", nargs="+", help="a built dataset, 'name' or 'name/config'")
    parser.add_argument("--data_dir", metavar="DIR", help="where built datasets live (default: TFDS's own)")
    parser.add_argument(
        "--output",
        metavar="DIR",
        default="leakage_check",
        help="where the report and its tables go (default: ./%(default)s)",
    )
    parser.add_argument("--groups", metavar="FILE", help="write the groups that the pairs make, for splits")
    for name, kind, default, text in (
        ("max_distance", _distance, rule.max_distance, "near duplicates differ in at most this many of 64 hash bits"),
        ("min_correlation", _correlation, rule.min_correlation, "and their thumbnails correlate above this"),
        ("far_distance", _distance, rule.far_distance, "or in at most this many bits"),
        ("far_correlation", _correlation, rule.far_correlation, "and they correlate above this"),
    ):
        parser.add_argument(f"--{name}", metavar="X", type=kind, default=default, help=f"{text} (default: %(default)s)")
    parser.add_argument("--mirrored", action="store_true", help="compare with mirror images too")
    parser.add_argument(
        "--max_shown",
        metavar="N",
        type=_count,
        default=100,
        help="pairs or images in a section of the report (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def _distance(text: str) -> int:
    return int(_within(int(text), 0, 64))


def _correlation(text: str) -> float:
    return _within(float(text), -1, 1)


def _count(text: str) -> int:
    return int(_within(int(text), 0, sys.maxsize))


def _within(value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{value:g}, expected {low:g} to {high:g}")
    return value
