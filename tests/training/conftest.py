"""Runs that take seconds."""

import dataclasses
from pathlib import Path

import pytest
from ml_collections import ConfigDict

from busjax.models import BACKBONES
from busjax.pretrained.table import RELEASES
from configs import basic, rem
from tests.pretrained import tiny as tiny_network

# A config file for processes that tests start; the same settings as `tiny`.
CONFIG_FILE = """
from tests.training.conftest import tiny_config
def get_config(variant="classification"):
    return tiny_config(variant)
"""


def tiny_config(method: str = "classification", data_dir: str = "") -> ConfigDict:
    """The demo with narrow networks and few steps."""
    config = (basic if method == "classification" else rem).get_config("demo")
    config.data.data_dir = data_dir
    config.data.image_size = 75 if method == "classification" else 107
    for network in (config.model.mt, config.model.sn):
        network.width = 0.05
    config.train.epochs = 3
    config.train.log_every = 2
    config.selection.after = 0.0
    return config


@pytest.fixture
def tiny(phantom_dir: Path):
    """A config by method, on the small phantom."""
    return lambda method="classification": tiny_config(method, str(phantom_dir))


@pytest.fixture
def tiny_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The name and the file of released weights of a network that compiles in no time, for 8 pixels and more."""
    monkeypatch.setitem(BACKBONES, "tiny", tiny_network.tiny)
    release = dataclasses.replace(tiny_network.KERAS, checksum="")
    monkeypatch.setitem(RELEASES, release.name, release)
    path = tiny_network.write_legacy(tmp_path / "tiny.weights.h5", tiny_network.keras_tensors())
    return release.name, str(path)
