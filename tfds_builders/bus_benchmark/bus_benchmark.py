"""Benchmark builder: five datasets, without normal images, cropped where a table says so and padded to squares."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.bus_benchmark.folds import Listed, read_folds
from tfds_builders.bus_benchmark.padding import pad_to_square
from tfds_builders.bus_benchmark.site_images import CROPPED, WHOLE
from tfds_builders.busi.busi import Busi
from tfds_builders.busis.busis import Busis
from tfds_builders.dataset_b.dataset_b import DatasetB
from tfds_builders.example import to_example
from tfds_builders.hmss.hmss import Hmss
from tfds_builders.pixels import decode_image, decode_mask, encode_png
from tfds_builders.record import Record
from tfds_builders.release import Facts, Part
from tfds_builders.thammasat.thammasat import Thammasat

SOURCES: dict[str, type[BUSBuilder]] = {
    "hmss": Hmss,
    "busi": Busi,
    "busis": Busis,
    "thammasat": Thammasat,
    "dataset_b": DatasetB,
}
"""The five sets, in the order of the records."""

MULTITASK = ("busi", "busis")
IMAGE_IS_CASE = ("busi", "busis", "dataset_b")
"""Sets in which the benchmark takes every image for a case of its own."""

FOLDS_PART = Part(("folds",), archive="folds.zip", optional=True)

# What each set yields; the argument "whole" or "cropped" has a meaning for the two sets with crop boxes only.
_PARSE: dict[str, Callable[[Mapping[str, Path], str], Iterable[Record]]] = {
    "hmss": Hmss.parse,
    "busi": lambda release, _: Busi.parse(release),
    "busis": lambda release, _: Busis.parse(release),
    "thammasat": Thammasat.parse,
    "dataset_b": lambda release, _: DatasetB.parse(release),
}


@dataclass(eq=False, kw_only=True)
class BenchmarkConfig(tfds.core.BuilderConfig):
    """One form of the benchmark.

    Attributes:
        sources: keys of `SOURCES`.
        released_cases: cases exactly as the benchmark counts them; else near-duplicates share one.
        as_published: pad with the faults of the benchmark's own code.
    """

    sources: tuple[str, ...] = tuple(SOURCES)
    released_cases: bool = False
    as_published: bool = False


MULTITASK_FACTS = Facts(
    images=1209,
    cases="1209 as the benchmark counts them, 1071 with the near-duplicates of BUSI grouped",
    classes={"benign": 743, "malignant": 466},
    solid="malignant",
    masks="every image",
)


class BusBenchmark(BUSBuilder):
    """Benchmark of Shareef et al. (2023): HMSS, BUSI, BUSIS, Thammasat and Dataset B as squares, 3641 images."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Built from the five sets, with the released folds."}
    BUILDER_CONFIGS: ClassVar[list[BenchmarkConfig]] = [
        BenchmarkConfig(name="grouped", description="Padded correctly; near-duplicates of BUSI share a case."),
        BenchmarkConfig(
            name="released_cases",
            description="Padded correctly; cases exactly as the benchmark counts them, for its released folds.",
            released_cases=True,
        ),
        BenchmarkConfig(
            name="as_published",
            description="As released_cases, padded with the faults of the benchmark's own code.",
            released_cases=True,
            as_published=True,
        ),
        BenchmarkConfig(
            name="multitask",
            description="BUSI and BUSIS with masks, 1209 images; near-duplicates of BUSI share a case.",
            sources=MULTITASK,
        ),
        BenchmarkConfig(
            name="multitask_released_cases",
            description="BUSI and BUSIS with masks, 1209 images; every image is a case, as in the benchmark.",
            sources=MULTITASK,
            released_cases=True,
        ),
    ]
    HOMEPAGE = "https://mida-lab.github.io/busbench/"
    LICENSE = "That of each of the five sets; redistribution and commercial use are prohibited"
    STEPS = (
        "get the sets as their own pages say (hmss, busi, busis, thammasat, dataset_b; busi and busis alone for the "
        "multitask configs) and put them side by side in DIR, with folds.zip of the page below for the released folds."
    )
    PARTS = (*(part for builder in SOURCES.values() for part in builder.PARTS), FOLDS_PART)
    FACTS = Facts(
        images=3641,
        cases="2102 as the benchmark counts them, 1964 with the near-duplicates of BUSI grouped",
        classes={"benign": 1818, "malignant": 1823},
        solid="as in the five sets",
        masks="BUSI, BUSIS and Dataset B",
        overlaps=(*SOURCES, "curated_busi", "bus_uc", "bus_cot"),
    )
    NAMED_AFTER = tuple(SOURCES)
    builder_config: BenchmarkConfig

    @property
    def facts(self) -> Facts:
        """Of the config's sets."""
        return MULTITASK_FACTS if self.builder_config.sources == MULTITASK else self.FACTS

    def parts(self) -> tuple[Part, ...]:
        """Those of the config's sets, and the folds, which are of all five."""
        sources = self.builder_config.sources
        own = tuple(part for source in sources for part in SOURCES[source].PARTS)
        return own if sources == MULTITASK else (*own, FOLDS_PART)

    @classmethod
    def original(cls, image_id: str) -> str:
        """Images keep the names of their sets."""
        return image_id

    @classmethod
    def known_duplicates(cls) -> list[list[str]]:
        """BUSI's groups, without normal images."""
        groups = [[f"busi/{name}" for name in group if "normal" not in name] for group in Busi.known_duplicates()]
        return [group for group in groups if len(group) > 1]

    def records(self, release: Mapping[str, Path]) -> Iterator[Record]:
        """Parses the sets one after the other, each in its own order, and pads image and masks to squares.

        Raises:
            DatasetError: as the sets' own parsers, `to_example` and `read_folds`.
        """
        config = self.builder_config
        folds: dict[str, int] = {}
        if FOLDS_PART.name in release:
            lesions = _lesions(release, config.sources, WHOLE)
            folds = read_folds(release[FOLDS_PART.name], [_listed(source, record) for source, record in lesions])
        for source, record in _lesions(release, config.sources, CROPPED):
            example = to_example(record, source)
            image = pad_to_square(decode_image(example["image"]), as_published=config.as_published)
            mask = pad_to_square(decode_mask(example["mask"]), as_published=config.as_published)
            yield Record(
                image=encode_png(image),
                masks=(encode_png(mask[..., 0]),) if example["has_mask"] else None,
                label=record.label,
                solid=record.solid,
                image_id=example["image_id"],
                case_id=_released_case(source, record) if config.released_cases else example["case_id"],
                birads=record.birads,
                histology=record.histology,
                device=record.device,
                fold=folds.get(example["image_id"], -1),
            )


def _lesions(release: Mapping[str, Path], sources: tuple[str, ...], config: str) -> Iterator[tuple[str, Record]]:
    """The sets' records with the name of their set; normal images are left out, as in the benchmark."""
    for source in sources:
        yield from ((source, record) for record in _PARSE[source](release, config) if record.label != "normal")


def _released_case(source: str, record: Record) -> str:
    return f"{source}/{record.image_id if source in IMAGE_IS_CASE else record.case_id}"


def _listed(source: str, record: Record) -> Listed:
    assert record.label is not None  # each of the five sets has a class for every image
    return Listed(
        name=record.image_id,
        image_id=f"{source}/{record.image_id}",
        case_id=_released_case(source, record),
        label=record.label,
    )
