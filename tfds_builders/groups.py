"""Group files: which images belong together whatever their cases, as CSV with the columns image_id and group.

`python -m tfds_builders check --groups FILE` writes one; a split that reads it keeps the images of a group on one side.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from busjax.atomic import write_atomic
from tfds_builders.record import DatasetError
from tfds_builders.tables import index_rows, read_csv

COLUMNS = ("image_id", "group")


def write_groups(path: str | Path, groups: Sequence[Sequence[str]]) -> None:
    """Writes groups of images, each named after its first image; the old file stays whole until the new one is.

    Args:
        path: the CSV file.
        groups: image ids as in `reading.Table.image_id`, each in one group at most. No group at all is fine: the file
            then has its header alone.

    Raises:
        DatasetError: a group has no images, an image no name, or an image is in two groups or twice in one.
        OSError: the file cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    seen: dict[str, str] = {}
    for group in groups:
        if not group:
            raise DatasetError(f"{path}: a group without images, expected at least one")
        for image_id in group:
            if not image_id:
                raise DatasetError(f"{path}: an image without a name in the group of {group[0]!r}")
            if image_id in seen:
                raise DatasetError(
                    f"{path}: image {image_id!r} is in the group of {seen[image_id]!r} and in that of {group[0]!r}, "
                    "expected once"
                )
            seen[image_id] = group[0]
            writer.writerow((image_id, group[0]))
    write_atomic(path, text.getvalue())


def read_groups(path: str | Path) -> dict[str, str]:
    """Reads a group file; columns beyond `COLUMNS` are passed over.

    Returns:
        The group of every image named in it, in the file's order.

    Raises:
        DatasetError: no such file, an empty one, a column missing, a cell empty, an image named twice. The message
            names the line.
    """
    path = Path(path)
    if path.is_file() and not path.stat().st_size:
        raise DatasetError(f"{path}: an empty file, expected a table with the columns {', '.join(COLUMNS)}")
    rows = index_rows(read_csv(path, COLUMNS), "image_id")
    for row in rows.values():
        if not row["group"]:
            raise DatasetError(f"{row.where}: group of {row['image_id']!r} is empty")
    return {image_id: row["group"] for image_id, row in rows.items()}
