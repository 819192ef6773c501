"""Phantom builder: a synthetic dataset, so that everything runs with nothing to download."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.phantom.paired import PairedImage, simulate_lesion
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


PAIRED = tfds.core.BuilderConfig(
    name="paired",
    description="100 lesions, each in one or two mammograms and two or three ultrasound images.",
    version="2.0.0",
    release_notes={
        "1.0.0": "60 lesions.",
        "2.0.0": "100 lesions. Spicules are wider, thicker and more, and outlines with them rougher; 80 % of "
        "carcinomas have them, 70 % before; 10 % of masses are hidden, 15 % before. No picture is as it was.",
    },
)


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
    EXTRA_CONFIGS = (PAIRED,)
    PAIRED_FACTS = Facts(
        images=402,
        cases="100 lesions",
        classes={"benign": 201, "malignant": 201},
        solid="every image",
        masks="every image",
    )
    SEED: ClassVar[int] = 2019
    CASES: ClassVar[int] = 300
    PAIRED_SEED: ClassVar[int] = 2020
    LESIONS: ClassVar[int] = 100

    @property
    def several_modalities(self) -> bool:
        """With the config that has two."""
        return self.builder_config is PAIRED

    @property
    def facts(self) -> Facts:
        """As the config is made."""
        return self.PAIRED_FACTS if self.several_modalities else self.FACTS

    def records(self, release: Mapping[str, Path]) -> Iterator[Record]:
        """Simulates the cases, several at a time: each depends on the seed and its number alone."""
        with ThreadPoolExecutor() as threads:
            if self.several_modalities:
                lesions = threads.map(partial(simulate_lesion, self.PAIRED_SEED), range(self.LESIONS))
                for lesion, pictures in enumerate(lesions):
                    yield from self._lesion_records(lesion, pictures)
                return
            simulations = threads.map(partial(simulate_case, self.SEED), range(self.CASES))
            for case, views in enumerate(simulations):
                yield from self._case_records(case, views)

    def _lesion_records(self, lesion: int, pictures: list[PairedImage]) -> Iterator[Record]:
        for picture in pictures:
            label, solid = LABEL_AND_SOLID[picture.kind]
            yield Record(
                image=encode_png(picture.image),
                masks=(encode_mask(picture.mask),),
                label=label,
                solid=solid,
                image_id=f"paired-{lesion:04d}-{picture.view.lower()}",
                case_id=f"paired-{lesion:04d}",
                histology=HISTOLOGY[picture.kind],
                device=picture.device,
                modality=picture.modality,
                view=picture.view,
            )

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
