"""VGG in Keras's layouts: what Keras saves gives the same features and logits here."""

import jax
import pytest

from busjax.models import make_network
from busjax.pretrained import vgg
from busjax.pretrained.load import load_variables, make_release_network
from tests.pretrained.keras_parity import errors, keras, randomise, save
from tests.pretrained.parity import random_image, relative_error

RELEASES = {release.name: release for release in vgg.RELEASES}

# Keras 3 on NumPy 2, when it saves a variable.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def keras_model(backbone, **arguments):
    function = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}[backbone]
    return function(**arguments)


@pytest.mark.parametrize("backbone", ["vgg16", "vgg19"])
def test_keras_features_from_a_file_without_top(tmp_path, backbone):
    model = randomise(keras_model(backbone, weights=None, include_top=False))
    network = make_network(backbone, has_map_tower=False)
    variables = load_variables(
        RELEASES[f"keras/{backbone}"], save(model, tmp_path), network=network, key=jax.random.PRNGKey(0)
    )
    for size in ((224, 224), (97, 139)):
        image = random_image(size)
        features = jax.jit(network.apply)(variables, image).features
        assert relative_error(features, model(image)) < 1e-4


# A network with its hidden layers has one input size in Keras.
@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "layout"), [("vgg16", "legacy"), ("vgg16", "keras3"), ("vgg19", "legacy")])
def test_keras_logits(tmp_path, backbone, layout):
    release = RELEASES[f"keras/{backbone}"]
    model = randomise(keras_model(backbone, weights=None, classifier_activation=None))
    assert model.count_params() == release.parameters
    path = save(model, tmp_path, layout)
    variables = load_variables(release, path)
    path.unlink()  # half a gigabyte
    network = make_release_network(release)
    assert max(errors(network, variables, model, "block5_pool")) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["vgg16", "vgg19"])
def test_the_released_file_is_the_one_that_keras_loads(monkeypatch, backbone):
    class Asked(Exception):
        pass

    def refuse(name, url, *, file_hash, **_):
        raise Asked(url, f"md5:{file_hash}")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", refuse)
    with pytest.raises(Asked) as asked:
        keras_model(backbone, weights="imagenet")
    release = RELEASES[f"keras/{backbone}"]
    assert asked.value.args == (release.url, release.checksum)


def test_torchvisions_file_names_carry_the_start_of_the_checksum():
    for backbone in ("vgg16", "vgg19"):
        release = RELEASES[f"torchvision/{backbone}"]
        assert release.url.endswith(f"/{backbone}-{release.checksum.removeprefix('sha256:')}.pth")
