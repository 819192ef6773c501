"""OASBUD: one MATLAB struct array; texts as chars, cells or numbers, classes as uint8 or double, one id twice."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy import io

from tests.tfds_builders.expected import Expected, box, rgb

FIELDS = ("id", "rf1", "rf2", "roi1", "roi2", "birads", "class")
LINES = 510
# Samples of a scan -> rows of its image: samples x 19.25 um / (38 mm / 510), rounded down.
ROWS = {200: 51, 160: 41, 100: 25}
# Samples that the lesion covers -> rows whose centres, 3.8706 (row + 1/2), lie in them.
LESIONS = {(21, 79): (5, 20), (22, 80): (6, 21)}


def cell(value: Any) -> np.ndarray:
    """A MATLAB cell of one element."""
    values = np.empty((1, 1), dtype=object)
    values[0, 0] = value
    return values


def kinds(number: int) -> tuple[Any, Any]:
    """Id and category as they may come out of MATLAB; the texts expected are the number's."""
    return ((str(number), "4a"), (cell(str(number)), cell("4a")), (float(number), "4a"), (np.uint8(number), "4a "))[
        number % 4
    ]


def scan(samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Lines of one frequency and amplitude each, so that their envelopes are flat, and the grey values of the lines.

    Grey g is (20 log10(amplitude) - 40) / 40 x 255; a line has a whole number of periods, below half the sampling rate.
    """
    grey = 60 + (np.arange(LINES) * 7 + seed * 13) % 190
    amplitude = 10 ** ((40 + 40 * grey / 255) / 20)
    phase = 2 * np.pi * (17 + seed % 29) * np.arange(samples)[:, None] / samples
    return np.round(amplitude * np.cos(phase + seed)).astype(np.int16), grey.astype(np.uint8)


def lesion(number: int, malignant: bool) -> tuple[dict[str, Any], list[tuple[np.ndarray, np.ndarray]]]:
    """The fields of an element of the struct array, and image and mask expected of its two scans."""
    identifier, birads = kinds(number)
    fields = {"id": identifier, "birads": birads, "class": np.uint8(malignant) if number % 2 else float(malignant)}
    expected = []
    for plane in (1, 2):
        samples = list(ROWS)[(number + plane) % 3]
        (top, bottom), (first, last) = list(LESIONS.items())[(number + plane) % 2]
        left, right = 40 + number, 300 + 7 * number
        rf, grey = scan(samples, seed=2 * number + plane)
        fields[f"rf{plane}"] = rf
        roi = box(LINES, samples, left, top, right, bottom)
        fields[f"roi{plane}"] = roi if number % 3 else roi.astype((np.uint8, np.float64)[plane - 1])
        image = np.tile(grey, (ROWS[samples], 1))
        expected.append((rgb(image), box(LINES, ROWS[samples], left, first, right, last)))
    return fields, expected


def write_structs(path: Path, elements: list[dict[str, Any]], variable: str = "data") -> None:
    """Writes a 1 x n struct array."""
    structs = np.empty((1, len(elements)), dtype=[(name, object) for name in elements[0]])
    for index, element in enumerate(elements):
        structs[0, index] = tuple(element.values())
    path.parent.mkdir(parents=True, exist_ok=True)
    io.savemat(path, {variable: structs})


def elements() -> tuple[list[dict[str, Any]], list[Expected]]:
    """18 lesions of 17 ids: lesion 30 is the second one of id 12."""
    written, expected = [], []
    for number in (*range(11, 28), 30):
        malignant = number % 2 == 0
        fields, planes = lesion(number, malignant)
        name = case = str(number)
        if number == 30:
            fields["id"], name, case = "12", "12.2", "12"
        if number == 13:
            fields["birads"] = np.float64(3)
        written.append({field: fields[field] for field in FIELDS})
        label, solid = (2, 1) if malignant else (1, -1)
        facts = {"birads": "3" if number == 13 else "4a", "device": "Ultrasonix SonixTouch, L14-5/38"}
        for plane, (image, mask) in enumerate(planes, start=1):
            expected.append(Expected(f"{name}-{plane}", case, label, solid, image, mask, **facts))
    return written, expected


def write_release(folder: Path) -> list[Expected]:
    """Writes OASBUD.mat into `folder`."""
    written, expected = elements()
    write_structs(folder / "OASBUD.mat", written)
    return expected
