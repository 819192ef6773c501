"""TDSC-ABUS: three folders of volumes, headers of labels.csv in lower and mixed case, paths with backslashes."""

from pathlib import Path

import nrrd
import numpy as np

from tests.tfds_builders.expected import Expected, rgb

HEADER = {"space": "3D-right-handed", "space directions": np.eye(3), "space origin": [0.0, 0.0, 0.0]}
# Folder -> header of labels.csv, its line end, its encoding, its rows: number, letter, slices with a lesion.
FOLDERS: dict[str, tuple[str, str, str, list[tuple[int, str, tuple[int, ...]]]]] = {
    "Train": (
        "case_id,label,data_path,mask_path",
        "\n",
        "utf-8",
        [
            (10, "M", (0, 1, 2)),
            (2, "B", (3,)),
            (0, "M", (1, 2, 4)),  # with a gap
            (3, "B", (0, 5)),
            (4, "M", (2,)),
            (5, "B", (2, 3)),
            (6, "M", (4, 5)),
            (7, "B", (5,)),
        ],
    ),
    "Validation": (
        "Case_ID,Label,Data_Path,Mask_Path",
        "\r\n",
        "utf-8-sig",
        [(100, "B", (1,)), (101, "M", (1, 2)), (102, "B", (0,)), (103, "M", (3,))],
    ),
    "Test": ("id,label", "\n", "utf-8", [(130, "M", (2, 3)), (131, "B", (0,)), (132, "M", (5,)), (199, "B", (1, 2))]),
}
SLICES = 6


def write_volume(folder: Path, number: int, slices: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Writes volume and mask; returns both, axes (lateral, depth, slice)."""
    shape = (24 + number % 5, 20, SLICES)
    volume = np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)
    mask = np.zeros(shape, dtype=np.uint8)
    for index in slices:
        mask[4 : 9 + index, 6:17, index] = 1
    for kind, values in (("DATA", volume), ("MASK", mask)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        nrrd.write(str(folder / kind / f"{kind}_{number:03d}.nrrd"), values, HEADER)
    return volume, mask


def write_release(folder: Path) -> list[Expected]:
    """Writes Train/, Validation/ and Test/ into `folder`."""
    expected = []
    for name, (header, line_end, encoding, rows) in FOLDERS.items():
        lines = [header]
        for number, letter, _ in rows:
            paths = rf",DATA\DATA_{number:03d}.nrrd,MASK\MASK_{number:03d}.nrrd" if "ath" in header else ""
            lines.append(f"{number},{letter}{paths}")
        for number, letter, slices in sorted(rows):
            volume, mask = write_volume(folder / name, number, slices)
            label, solid = (2, 1) if letter == "M" else (1, -1)
            for index in slices:
                case = f"DATA_{number:03d}"
                facts = {"device": "GE Invenia ABUS", "fold": 0 if name == "Test" else -1}
                image, lesion = rgb(volume[:, :, index].T), mask[:, :, index].T == 1
                expected.append(Expected(f"{case}-{index:03d}", case, label, solid, image, lesion, **facts))
        text = line_end.join(lines) + line_end
        (folder / name / "labels.csv").write_bytes(text.encode(encoding))
        (folder / name / "bbx_labels.csv").write_text("id,c_x,c_y,c_z,len_x,len_y,len_z\n")
    return expected
