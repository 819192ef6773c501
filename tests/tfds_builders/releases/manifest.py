"""Someone's own images: every format and kind of DICOM, blanks in names, and cells of every kind, left empty or not."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, generate_uid

from tests.tfds_builders.expected import Expected, box, picture, rgb, save

HEADER = ("case_id", "image", "label", "solid", "mask", "fold", "birads", "histology", "device")
WIDTH, HEIGHT = 24, 20
SIZE = (WIDTH, HEIGHT)
MARK, TWO = box(*SIZE, 3, 4, 12, 15), box(*SIZE, 10, 10, 20, 18)
EMPTY = np.zeros((HEIGHT, WIDTH), dtype=bool)


def dataset(values: np.ndarray, photometric: str = "MONOCHROME2", **header: Any) -> Dataset:
    """A DICOM dataset, not compressed, of unsigned or signed values [height, width] or [height, width, 3]."""
    bits = values.dtype.itemsize * 8
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = UltrasoundImageStorage, generate_uid(entropy_srcs=["busjax"])
    made.Modality = "US"
    made.PhotometricInterpretation = photometric
    made.Rows, made.Columns = values.shape[:2]
    made.SamplesPerPixel = 3 if values.ndim == 3 else 1
    if values.ndim == 3:
        made.PlanarConfiguration = 0
    made.BitsAllocated = made.BitsStored = bits
    made.PixelRepresentation = int(values.dtype.kind == "i")
    made.PixelData = values.tobytes()
    for name, value in header.items():
        setattr(made, name, value)
    made.HighBit = made.BitsStored - 1
    made["PixelData"].VR = "OW" if bits == 16 else "OB"
    return made


def save_dicom(path: Path, made: Dataset) -> None:
    """Writes a DICOM file, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)


def windowed() -> tuple[Dataset, np.ndarray]:
    """A 12-bit picture with a window, and what PS3.3 C.11.2.1.2.1 makes of it (linear, output 0 to 255)."""
    values = np.random.default_rng(7).integers(0, 4096, (HEIGHT, WIDTH), dtype=np.uint16)
    centre, width = 1800.0, 1201.0
    shown = np.clip(((values - (centre - 0.5)) / (width - 1) + 0.5) * 255, 0, 255)
    made = dataset(values, BitsStored=12, WindowCenter=centre, WindowWidth=width)
    return made, np.floor(shown + 0.5).astype(np.uint8)


def ybr() -> tuple[Dataset, np.ndarray]:
    """A picture in YBR_FULL and its RGB by ITU-R BT.601, as PS3.3 C.7.6.3.1.2 has it."""
    values = np.random.default_rng(9).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    y, blue, red = (values[..., channel].astype(float) - (0, 128, 128)[channel] for channel in range(3))
    shown = np.stack([y + 1.402 * red, y - (0.114 * 1.772 * blue + 0.299 * 1.402 * red) / 0.587, y + 1.772 * blue], -1)
    return dataset(values, "YBR_FULL"), np.floor(np.clip(shown, 0, 255) + 0.5).astype(np.uint8)


def palette() -> tuple[Dataset, np.ndarray]:
    """A picture of 16 colours with 16-bit entries, of which the high byte is shown."""
    values = np.random.default_rng(11).integers(0, 16, (HEIGHT, WIDTH), dtype=np.uint8)
    colours = np.random.default_rng(12).integers(0, 2**16, (3, 16), dtype=np.uint16)
    made = dataset(values, "PALETTE COLOR")
    for name, table in zip(("Red", "Green", "Blue"), colours, strict=True):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [16, 0, 16])
        setattr(made, f"{name}PaletteColorLookupTableData", table.tobytes())
    return made, (colours // 256).astype(np.uint8).T[values]


def write_release(folder: Path) -> list[Expected]:
    """Writes manifest.csv (byte-order mark, CRLF, an empty line and an empty column at the end) and its images."""
    rows: list[tuple[str, ...]] = []
    expected: list[Expected] = []

    def add(cells: tuple[str, ...], *record: Any, **more: Any) -> None:
        rows.append((*cells, *("",) * (len(HEADER) - len(cells))))
        expected.append(Expected(*record, **more))

    def plain(name: str, mode: str = "L") -> np.ndarray:
        values = picture(mode, *SIZE, seed=len(rows))
        save(folder / name, values)
        return rgb(values)

    def dicom(name: str, made: Dataset, shown: np.ndarray) -> np.ndarray:
        save_dicom(folder / name, made)
        return rgb(shown)

    save(folder / "masks/p 01.png", MARK, "1")
    save(folder / "masks/p 01 second.png", TWO, "RGBA")
    save(folder / "masks/p02.bmp", TWO)
    both = MARK | TWO
    grey = picture("L", *SIZE, seed=99)

    image = plain("p 01/left (1).png")
    cells = ("P01", "p 01/left (1).png", "malignant", "yes", "masks/p 01.png ; masks/p 01 second.png", "0")
    add((*cells, "4c", "IDC, grade 2", "Logiq E9"), "p 01/left (1)", "P01", 2, 1, image, both, "4c", "IDC, grade 2", "Logiq E9", 0)  # fmt: skip  # noqa: E501
    save(folder / "p 01/right.JPG", picture("RGB", *SIZE, seed=50))
    image = np.asarray(Image.open(folder / "p 01/right.JPG"))
    add(("P01", "p 01/right.JPG", "malignant", "yes", "./masks//p02.bmp", "0", "5"), "p 01/right", "P01", 2, 1, image, TWO, "5", fold=0)  # fmt: skip  # noqa: E501
    image = plain("p02.bmp", "RGB")
    add(("P02", "p02.bmp", "malignant", "-1", "", "1"), "p02", "P02", 2, -1, image, None, fold=1)
    image = plain("p03.tiff", "RGBA")
    add(("P03", "p03.tiff", "malignant", "1", "", "2"), "p03", "P03", 2, 1, image, None, fold=2)
    image = dicom("dicom/p04.dcm", dataset(grey), grey)
    add(("P04", "dicom/p04.dcm", "malignant", "0", "masks/p 01.png", "0"), "dicom/p04", "P04", 2, 0, image, MARK, fold=0)  # fmt: skip  # noqa: E501
    image = dicom("dicom/p05.DCM", dataset(grey, "MONOCHROME1"), 255 - grey)
    add(("P05", "dicom/p05.DCM", "malignant", "", "", "1"), "dicom/p05", "P05", 2, -1, image, None, fold=1)
    image = dicom("dicom/1.2.840.6", *windowed())
    add(("P06", "dicom/1.2.840.6", "malignant", "1", "", "2"), "dicom/1.2.840.6", "P06", 2, 1, image, None, fold=2)
    image = dicom("dicom/1.2.840.7", *palette())
    add(("P07", "dicom/1.2.840.7", "malignant", "1", "", "0"), "dicom/1.2.840.7", "P07", 2, 1, image, None, fold=0)
    image = dicom("p08.dicom", *ybr())
    add(("P08", "p08.dicom", "malignant", "1", "", "1"), "p08", "P08", 2, 1, image, None, fold=1)
    colour = picture("RGB", *SIZE, seed=98)
    image = dicom("same.dcm", dataset(colour, "RGB"), colour)
    add(("", "same.dcm", "malignant", "1", "", "2"), "same.dcm", "same.dcm", 2, 1, image, None, fold=2)
    image = plain("same.png")
    add(("", "./same.png", "benign", "no", "", "0"), "same.png", "same.png", 1, 0, image, None, fold=0)
    for number, (solid, known) in enumerate((("", -1), ("1", 1), ("yes", 1), ("0", 0), ("no", 0), ("-1", -1))):
        image = plain(f"benign/{number}.png")
        mask, lesion = (("masks/p02.bmp", TWO), ("", None))[number % 2]
        cells = (f"B{number}", f"benign/{number}.png", "benign", solid, mask, str(number % 3))
        add(cells, f"benign/{number}", f"B{number}", 1, known, image, lesion, fold=number % 3)
    # Known to hold no lesion; no mask; an empty mask.
    save(folder / "masks/nothing.png", EMPTY)
    for number, (mask, lesion) in enumerate((("none", EMPTY), ("", None), ("masks/nothing.png", EMPTY))):
        image = plain(f"normal/{number}.png")
        cells = ("", f"normal/{number}.png", "normal", "no", mask, str(number))
        add(cells, f"normal/{number}", f"normal/{number}", 0, 0, image, lesion, fold=number)
    # One case, of which two images have a class and one has none; one more of unknown class is in no fold.
    for number, (label, value) in enumerate((("benign", 1), ("malignant", 2), ("", -1))):
        image = plain(f"mixed/{number}.jpeg.png")
        cells = ("Mixed", f"mixed/{number}.jpeg.png", label, "", "", "1")
        add(cells, f"mixed/{number}.jpeg", "Mixed", value, -1, image, None, fold=1)
    image = plain("unknown.png")
    add(("", "unknown.png", "", "", "none", "-1"), "unknown", "unknown", -1, -1, image, EMPTY)

    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow((*HEADER, ""))
    for number, row in enumerate(rows):
        writer.writerow((*row, " "))
        if number == 3:
            text.write("\r\n" + "," * len(HEADER) + "\r\n")
    (folder / "manifest.csv").write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())
    return expected
