"""All releases by name."""

from busjax.names import hint
from busjax.pretrained import (
    alexnet,
    densenet,
    efficientnet,
    googlenet,
    inception_resnet_v2,
    inception_v3,
    mobilenet,
    resnet,
    vgg,
    xception,
)
from busjax.pretrained.errors import PretrainedError
from busjax.pretrained.release import Release

_MODULES = (
    alexnet,
    densenet,
    efficientnet,
    googlenet,
    inception_resnet_v2,
    inception_v3,
    mobilenet,
    resnet,
    vgg,
    xception,
)

RELEASES: dict[str, Release] = {release.name: release for module in _MODULES for release in module.RELEASES}
"""Name, such as 'keras/mobilenet_0.75', -> release."""


def find_release(name: str) -> Release:
    """The release of a name.

    Raises:
      PretrainedError: for an unknown name, with the nearest one that exists.
    """
    if name not in RELEASES:
        raise PretrainedError(f"unknown release {name!r}{hint(name, sorted(RELEASES))}")
    return RELEASES[name]
