"""Runs that take seconds."""

from pathlib import Path

import pytest
from ml_collections import ConfigDict

from configs import basic, rem

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
