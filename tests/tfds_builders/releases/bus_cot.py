"""BUS-CoT: two JSON files, crops of several sets, patient numbers that occur in two of them, Chinese texts, nulls."""

import json
from pathlib import Path
from typing import Any

from tests.tfds_builders.expected import Expected, picture, rgb, save

# Image and lesion, part, source set, its patient_id, pathology, histologies, echo, label and solid expected.
CROPS: tuple[tuple[Any, ...], ...] = (
    (
        "000000@0",
        "trainval",
        "BUSBRA",
        "BUSBRA@000177",
        "Malignant",
        {"IDC": "Invasive ductal carcinoma"},
        "LowEcho",
        2,
        1,
    ),
    ("000001@0", "trainval", "BUSBRA", "BUSBRA@000177", "malignant", {"IDC": "Invasive ductal carcinoma"}, None, 2, 1),
    ("000002@0", "trainval", "BUSI", "000177", "Benign", {"FA": "Fibroadenoma"}, "LowEcho", 1, 1),
    ("000002@1", "trainval", "BUSI", "000177", "Benign", {}, "NoEcho", 1, 0),
    ("000003@0", "trainval", "BUSI", 178, "benign", {"Cyst": None}, "SlightlyLowEcho", 1, 0),
    ("000004@0", "trainval", "BUDIAT", "BUDIAT@000001", "Benign", {"Cyst": "Cyst"}, "CysticSolidMixedEcho", 1, -1),
    ("000005@0", "trainval", "BUDIAT", "BUDIAT@000002", "Benign", {"A": "Adenosis"}, "HeterogeneousEcho", 1, -1),
    ("000006@0", "trainval", "BUDIAT", "BUDIAT@000003", "Malignant", {"L": "Lymphoma"}, "NoEcho", 2, -1),
    ("000007@0", "trainval", "BUSBRA", "BUSBRA@000178", None, {}, "LowEcho", -1, -1),
    ("000008@0", "test", "BUSBRA", "BUSBRA@000179", "Malignant", {"DCIS": "DCIS", "IDC": ""}, "HighEcho", 2, 1),
    ("000009@0", "test", "BUSBRA", "BUSBRA@000180", "Benign", {"FA": "Fibroadenoma", "C": "Cyst"}, "LowEcho", 1, -1),
    ("000010@0", "test", "BUSI", "200", "Benign", {"FA": "Fibroadenoma", "A": "Adenosis"}, "Isoechoic", 1, 1),
    ("000011@0", "test", "BUSI", "201", "Malignant", {}, "LowEcho", 2, 1),
)
CASES = {
    "000002@0": "BUSI@000177",
    "000002@1": "BUSI@000177",
    "000003@0": "BUSI@178",
    "000010@0": "BUSI@200",
    "000011@0": "BUSI@201",
}
HISTOLOGIES = {
    "000000@0": "Invasive ductal carcinoma",
    "000001@0": "Invasive ductal carcinoma",
    "000002@0": "Fibroadenoma",
    "000003@0": "Cyst",
    "000004@0": "Cyst",
    "000005@0": "Adenosis",
    "000006@0": "Lymphoma",
    "000008@0": "DCIS; IDC",
    "000009@0": "Fibroadenoma; Cyst",
    "000010@0": "Fibroadenoma; Adenosis",
}
# Further patients, so that every part of a split has both classes.
MORE = tuple(
    (
        f"{number:06d}@0",
        "test" if number % 5 == 0 else "trainval",
        "BUET",
        f"BUET@{number}",
        pathology,
        {},
        "LowEcho",
        *kind,
    )
    for number in range(20, 40)
    for pathology, kind in [(("Benign", (1, -1)), ("Malignant", (2, 1)))[number % 2]]
)


def write_release(folder: Path) -> list[Expected]:
    """Writes BUSCoT/ into `folder`."""
    release = folder / "BUSCoT"
    crops: dict[str, Any] = {}
    images: dict[str, Any] = {}
    expected = []
    for seed, (name, split, dataset, patient, pathology, subtypes, echo, label, solid) in enumerate(CROPS + MORE):
        path = f"BUS-Lesion/{split}/{name}.png"
        image = picture("RGB" if seed % 3 else "L", 20 + seed, 24, seed)
        save(release / path, image)
        birads = ("4A", None, "3")[seed % 3]
        crops[f"{split}_{name}.png"] = {
            "image_path": path,
            "split": split,
            "pathology_histology": {
                "pathology": pathology,
                "subtype": {key: {"histology": histology} for key, histology in subtypes.items()},
            },
            "us_report": {"BIRADS": birads, "EchoCharacteristics": echo, "ElastographyFeatures": "质硬"}
            if seed != 1
            else None,
        }
        number = name.partition("@")[0]
        images[number] = {
            "dataset": dataset,
            "patient_id": patient,
            "image_file": {"raw_image": f"{number}/{number}@raw.png"},
        }
        case = CASES.get(name, patient)
        facts = {"birads": birads or "", "histology": HISTOLOGIES.get(name, ""), "fold": 0 if split == "test" else -1}
        expected.append(Expected(f"{dataset}-{name}", case, label, solid, rgb(image), None, **facts))
    files = release / "DatasetFiles"
    files.mkdir()
    (files / "lesion_dataset.json").write_text(json.dumps(crops, ensure_ascii=False), encoding="utf-8")
    (files / "BUS-Expert_dataset.json").write_text(json.dumps(images), encoding="utf-8-sig")
    return expected
