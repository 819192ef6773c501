"""The table of releases is complete in itself."""

import re

import pytest

from busjax.models import BACKBONES
from busjax.pretrained.errors import PretrainedError
from busjax.pretrained.files import read_tensors
from busjax.pretrained.load import fitting_releases, load_variables
from busjax.pretrained.table import RELEASES, find_release

ALL = pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)


@ALL
def test_facts_are_well_formed(release):
    assert re.fullmatch(r"(keras|torchvision|timm)/[a-z0-9_.]+", release.name)
    assert release.layout == ("keras" if release.name.startswith("keras/") else "torch")
    assert release.backbone in BACKBONES
    assert re.fullmatch(r"|sha256:[0-9a-f]{8,64}|md5:[0-9a-f]{32}", release.checksum)
    assert release.url is None or release.url.startswith("https://")
    assert release.licence
    assert release.preprocessing.interpolation in ("bilinear", "bicubic")


@ALL
def test_no_layer_is_used_twice(release):
    layers = [
        name for theirs in release.layers().values() for name in ([theirs] if isinstance(theirs, str) else theirs)
    ]
    assert len(layers) == len(set(layers))


def test_mistyped_names_get_a_hint():
    assert find_release("keras/mobilenet_0.75").settings == {"width": 0.75}
    with pytest.raises(PretrainedError, match="unknown release 'keras/mobilenet'; did you mean 'keras/mobilenet_"):
        find_release("keras/mobilenet")


@pytest.mark.real_data
def test_the_real_file_under_another_name_is_recognised(real_data):
    path = real_data / "weights" / "mobilenet_7_5_224_tf.h5"
    assert "keras/mobilenet_0.75" in fitting_releases(read_tensors(path))
    with pytest.raises(PretrainedError, match=r"does not fit keras/mobilenet_1\.0: .*it fits .*keras/mobilenet_0\.75"):
        load_variables(RELEASES["keras/mobilenet_1.0"], path)
