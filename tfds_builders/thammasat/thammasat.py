"""Thammasat builder: the benchmark's Thammasat.csv is the list of images, labels, cases and boxes."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.bus_benchmark.site_images import Box, configs, read_site_images
from tfds_builders.record import SOLID_BY_LABEL, Record
from tfds_builders.release import Facts, Part

FOLDER = "Thammasat"


class Thammasat(BUSBuilder):
    """Thammasat (Rodtook et al. 2018, onlinemedicalimages.com): 263 images of 252 cases."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The benchmark's list, with the images as on the site."}
    BUILDER_CONFIGS: ClassVar[list[tfds.core.BuilderConfig]] = configs("onlinemedicalimages.com")
    HOMEPAGE = "http://www.onlinemedicalimages.com"
    LICENSE = "None stated: research use, cite the paper"
    STEPS = (
        "put Thammasat.csv of the benchmark (Benchmark.zip of MIDA-Lab/busbench) in DIR/Thammasat and the images "
        "that it lists, saved from the site, in DIR/Thammasat/imgs."
    )
    PARTS = (Part((FOLDER, "Datasets/Thammasat")),)
    FACTS = Facts(
        images=263,
        cases="252 cases",
        classes={"benign": 120, "malignant": 143},
        solid="malignant",
        masks="none",
    )

    def records(self, release: Mapping[str, Path]) -> Iterator[Record]:
        """As `parse`, for the builder's config."""
        return self.parse(release, self.builder_config.name)

    @classmethod
    def parse(cls, release: Mapping[str, Path], config: str) -> Iterator[Record]:
        """Parses Thammasat.csv, in its order.

        Args:
            release: the folder Thammasat.
            config: "whole" or "cropped".

        Raises:
            DatasetError: as `read_site_images` and `SiteImage.source`.
        """
        for image in read_site_images(release[FOLDER], "Thammasat.csv", box_of):
            yield Record(
                image=image.source(config),
                masks=None,
                label=image.label,
                solid=SOLID_BY_LABEL[image.label],
                image_id=image.name,
                case_id=image.case_id,
            )


def box_of(first_row: int, end_row: int, first_column: int, end_column: int) -> Box:
    """The box of crop r1, r2, col1, col2: rows and columns counted from 1, the end ones left out."""
    return Box(first_row - 1, end_row - 1, first_column - 1, end_column - 1)
