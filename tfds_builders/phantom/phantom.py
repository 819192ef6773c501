"""Phantom builder: a synthetic dataset, so that everything runs with nothing to download."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.phantom.simulation import PhantomImage, simulate_case
from tfds_builders.pixels import encode_mask, encode_png
from tfds_builders.record import Record
from tfds_builders.release import Facts

LABEL_AND_SOLID = {
    "normal": ("normal", 0),
    "cyst": ("benign", 0),
    "fibroadenoma": ("benign", 1),
    "carcinoma": ("malignant", 1),
}
HISTOLOGY = {"normal": "", "cyst": "cyst", "fibroadenoma": "fibroadenoma", "carcinoma": "invasive ductal carcinoma"}


class Phantom(BUSBuilder):
    """Simulated B-mode images of normal breasts, cysts, fibroadenomas and carcinomas; a stand-in for real data."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.0.0": "300 cases, one to three views each.",
        "1.1.0": "The size of released masks is kept.",
    }
    LICENSE = "As the code that makes it"
    FACTS = Facts(
        images=537,
        cases="300",
        classes={"normal": 133, "benign": 265, "malignant": 139},
        solid="every image",
        masks="every image; empty for normal",
    )
    SEED: ClassVar[int] = 2019
    CASES: ClassVar[int] = 300

    def records(self, release: Mapping[str, Path]) -> Iterator[Record]:
        """Simulates the cases, several at a time: each depends on the seed and its number alone."""
        with ThreadPoolExecutor() as threads:
            simulations = threads.map(partial(simulate_case, self.SEED), range(self.CASES))
            for case, views in enumerate(simulations):
                yield from self._case_records(case, views)

    def _case_records(self, case: int, views: list[PhantomImage]) -> Iterator[Record]:
        for view, simulated in enumerate(views):
            label, solid = LABEL_AND_SOLID[simulated.kind]
            mask = encode_mask(simulated.mask)
            yield Record(
                image=encode_png(simulated.image),
                masks=() if simulated.kind == "normal" else (mask,),
                label=label,
                solid=solid,
                image_id=f"{case:04d}-{view + 1}",
                case_id=f"{case:04d}",
                histology=HISTOLOGY[simulated.kind],
                device=simulated.device,
            )
