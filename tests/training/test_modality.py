"""A run of an ultrasound method on a dataset that holds mammograms too."""

from pathlib import Path

import numpy as np
import pytest

from busjax.training.config import ConfigError, validate
from busjax.training.run_data import open_data
from busjax.training.workdir import Workdir
from configs.rem import get_config
from tests.tfds_builders.releases import paired_lesions


@pytest.mark.parametrize(("modality", "views"), [("", {"radial", ""}), ("mammography", {"CC", "MLO"})])
def test_pictures_of_one_modality_are_in_the_split(modality: str, views: set[str], tmp_path: Path) -> None:
    released = paired_lesions.write_release(tmp_path / "release")
    config = get_config("small")
    config.data.name = "paired_lesions"
    config.data.split, config.data.folds = "kfold", 3  # twelve lesions
    config.data.data_dir, config.data.manual_dir = str(tmp_path / "data"), str(tmp_path / "release")
    if modality:
        config.data.modality = modality
    validate(config)
    data = open_data(config, Workdir(tmp_path / "none"))
    rows = np.concatenate(list(data.split.parts().values()))
    expected = {f"paired_lesions/{one.image_id}" for one in released if one.modality == (modality or "ultrasound")}
    assert {data.dataset[int(row)]["image_id"] for row in rows} == expected
    assert {data.dataset[int(row)]["view"] for row in rows} == views
    assert len(data.dataset) == len(expected) < len(released)


def test_modality_outside_its_values() -> None:
    config = get_config("small")
    config.data.modality = "both"
    with pytest.raises(ConfigError, match=r"data\.modality: found 'both', expected one of ultrasound, mammography"):
        validate(config)
