"""The small network of `tests.pretrained.tiny`, for the tests that ask for it."""

import pytest

import busjax.models
from tests.pretrained.tiny import tiny


@pytest.fixture
def tiny_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers the backbone 'tiny'."""
    monkeypatch.setitem(busjax.models.BACKBONES, "tiny", tiny)
