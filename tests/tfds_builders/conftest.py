"""Small releases with the oddities of the real ones, and the phantom built once."""

from pathlib import Path

import pytest

from tests.tfds_builders.releases import bus_bra, busi
from tfds_builders.reading import BUSDataset, prepare


@pytest.fixture
def bus_bra_release(tmp_path: Path) -> Path:
    """A folder that contains BUSBRA/."""
    bus_bra.write_release(tmp_path / "release")
    return tmp_path / "release"


@pytest.fixture
def busi_release(tmp_path: Path) -> Path:
    """A folder that contains Dataset_BUSI_with_GT/."""
    busi.write_release(tmp_path / "release")
    return tmp_path / "release"


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> BUSDataset:
    return prepare("phantom", tmp_path_factory.mktemp("phantom"))
