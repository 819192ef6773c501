"""Images per second of the training input, beside a PyTorch DataLoader that does the same work in the same run.

    python -m benchmarks.input_pipeline                       the phantom
    python -m benchmarks.input_pipeline --manual_dir DIR      BUS-BRA as released, from DIR

The work: read an encoded image and its mask, decode both, resize the short side to 299 pixels (the image with
antialiasing), cut out a random square, mirror half of them, scale the image to float32 in [-1, 1], stack batches of 16.
Nothing is kept in memory between epochs. Ours reads the built dataset; the DataLoader reads the same encoded bytes from
files of their own and decodes with Pillow. Passes alternate; each begins when what was prepared ahead is used up. Needs
PyTorch (pip install torch==2.13.0); without it only ours is measured.
"""

import argparse
import importlib.util
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZE = 299
BATCH = 16
WORKERS = 2
AHEAD = 16
"""Batches that are used up before a pass is timed, more than either pipeline prepares ahead."""
PASSES = 7
BATCHES = 40
"""In a timed pass."""


class Files:
    """The DataLoader's dataset: pairs of image and mask files."""

    def __init__(self, folder: Path):
        self.pairs = [(path, folder / "masks" / path.name) for path in sorted((folder / "images").iterdir())]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        image_path, mask_path = self.pairs[index]
        image, mask = Image.open(image_path).convert("RGB"), Image.open(mask_path).convert("L")
        short, long = sorted(image.size)
        scaled = round(long * SIZE / short)
        size = (SIZE, scaled) if image.width <= image.height else (scaled, SIZE)
        image = image.resize(size, Image.Resampling.BILINEAR)
        mask = mask.resize(size, Image.Resampling.NEAREST)
        left, top = random.randint(0, size[0] - SIZE), random.randint(0, size[1] - SIZE)
        box = (left, top, left + SIZE, top + SIZE)
        image, mask = image.crop(box), mask.crop(box)
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            mask = mask.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = np.asarray(image, np.float32)
        pixels /= np.float32(127.5)
        pixels -= np.float32(1)
        return pixels, (np.asarray(mask)[..., None] > 0).astype(np.float32)


def ours(name: str, data_dir: str) -> Any:
    """Endless batches of busjax.data."""
    from busjax.data.pipeline import training_batches
    from tfds_builders.reading import open_dataset

    dataset = open_dataset(name, data_dir)
    return iter(
        training_batches(
            dataset,
            np.arange(len(dataset)),
            image_size=SIZE,
            resize="short_side",
            augment={"flip_horizontal": True},
            batch_size=BATCH,
            seed=0,
            cache=False,
        )
    )


def peer(folder: Path) -> Iterator[Any]:
    """Endless batches of a PyTorch DataLoader; its processes end with the generator."""
    from torch.utils.data import DataLoader, RandomSampler

    files: Any = Files(folder)
    sampler = RandomSampler(files, replacement=True, num_samples=10**9)
    yield from DataLoader(files, BATCH, sampler=sampler, num_workers=WORKERS, multiprocessing_context="spawn")


def export(name: str, data_dir: str, folder: Path) -> None:
    """Writes the encoded images and masks of a dataset to files, byte for byte."""
    import tensorflow_datasets as tfds

    from tfds_builders.reading import make_builder
    from tfds_builders.record import SPLIT

    skip = tfds.decode.SkipDecoding()
    source = make_builder(name, data_dir).as_data_source(SPLIT, decoders={"image": skip, "mask": skip})
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for row in range(len(source)):
        (folder / "images" / f"{row:06d}").write_bytes(source[row]["image"])
        (folder / "masks" / f"{row:06d}").write_bytes(source[row]["mask"])


def images_per_second(batches: Any) -> float:
    """Of one pass."""
    for _ in range(AHEAD):
        next(batches)
    started = time.perf_counter()
    for _ in range(BATCHES):
        next(batches)
    return BATCH * BATCHES / (time.perf_counter() - started)


def main() -> None:
    """Builds the dataset, alternates passes, and prints medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manual_dir", help="folder that holds BUSBRA/ as released; without it the phantom is used")
    options = parser.parse_args()
    from tfds_builders.reading import prepare

    name = "bus_bra" if options.manual_dir else "phantom"
    with tempfile.TemporaryDirectory() as scratch:
        dataset = prepare(name, scratch, options.manual_dir, download=False, progress=True)
        sizes = [f"{np.median(side):g}" for side in (dataset.table.width, dataset.table.height)]
        print(
            f"{len(dataset)} images of {name}, {' x '.join(sizes)} pixels (medians), {os.cpu_count()} cores", flush=True
        )
        files = Path(scratch) / "files"
        files.mkdir()
        export(name, scratch, files)
        running = {"busjax": ours(name, scratch)}
        if importlib.util.find_spec("torch"):
            running["DataLoader"] = peer(files)
        else:
            print("PyTorch is not installed (pip install torch==2.13.0): ours alone is measured")
        speeds: dict[str, list[float]] = {key: [] for key in running}
        for _ in range(PASSES):
            for key, batches in running.items():
                speeds[key].append(images_per_second(batches))
        for batches in running.values():
            batches.close()
        medians = {key: statistics.median(values) for key, values in speeds.items()}
        for key, values in speeds.items():
            spread = f"{min(values):.0f} to {max(values):.0f}"
            print(f"{key}: {medians[key]:.0f} images per second, median of {PASSES} passes ({spread})")
        if "DataLoader" in medians:
            print(f"ratio: {medians['busjax'] / medians['DataLoader']:.2f}")
        print(f"load average of the last minute: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
