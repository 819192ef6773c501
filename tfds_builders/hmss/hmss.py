"""HMSS builder: the benchmark's HMSS.csv is the list of images, labels, cases and boxes."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.bus_benchmark.site_images import Box, configs, read_site_images
from tfds_builders.hmss.solidity import read_subgroup
from tfds_builders.record import Record
from tfds_builders.release import Facts, Part

FOLDER = "HMSS"


class Hmss(BUSBuilder):
    """HMSS (Geertsma, ultrasoundcases.info): 2006 images of 478 teaching cases, as Shareef et al. list them."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The benchmark's list, with the images as on the site."}
    BUILDER_CONFIGS: ClassVar[list[tfds.core.BuilderConfig]] = configs("ultrasoundcases.info")
    HOMEPAGE = "https://www.ultrasoundcases.info"
    LICENSE = "Copyright of the site's owner; ask before use"
    STEPS = (
        "ask the site's owner, then put HMSS.csv of the benchmark (Benchmark.zip of MIDA-Lab/busbench) in DIR/HMSS "
        "and the images that it lists in DIR/HMSS/imgs."
    )
    PARTS = (Part((FOLDER, "Datasets/HMSS")),)
    FACTS = Facts(
        images=2006,
        cases="478 teaching cases",
        classes={"benign": 846, "malignant": 1160},
        solid="cysts, fibroadenomas, lipomas, other benign non-cystic lesions, most malignant",
        masks="none",
    )

    def records(self, release: Mapping[str, Path]) -> Iterator[Record]:
        """As `parse`, for the builder's config."""
        return self.parse(release, self.builder_config.name)

    @classmethod
    def parse(cls, release: Mapping[str, Path], config: str) -> Iterator[Record]:
        """Parses HMSS.csv, in its order.

        Args:
            release: the folder HMSS.
            config: "whole" or "cropped".

        Raises:
            DatasetError: as `read_site_images`, `read_subgroup` and `SiteImage.source`.
        """
        for image in read_site_images(release[FOLDER], "HMSS.csv", box_of, ("subgroup",)):
            solid, histology = read_subgroup(image.row, image.label)
            yield Record(
                image=image.source(config),
                masks=None,
                label=image.label,
                solid=solid,
                image_id=image.name,
                case_id=image.case_id,
                histology=histology,
            )


def box_of(row: int, height: int, column: int, width: int) -> Box:
    """The box of crop r1, r2, col1, col2: first row and height, first column and width, counted from 0."""
    return Box(row, row + height, column, column + width)
