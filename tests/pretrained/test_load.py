"""From a file to a network's variables: every value in its place, every misfit named."""

import dataclasses
import functools
import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from busjax.models.dense_head import DenseHead
from busjax.models.initialisation import initialise
from busjax.models.layers import ConvNorm, Settings
from busjax.pretrained import load
from busjax.pretrained.errors import PretrainedError
from busjax.pretrained.load import load_variables, make_release_network
from tests.pretrained.tiny import CLASSES, KERAS, SIZE, TORCH, keras_tensors, tiny, torch_tensors, write_legacy

pytestmark = pytest.mark.usefixtures("tiny_backbone")
KEY = jax.random.key(3)


@pytest.fixture
def keras_file(tmp_path):
    return write_legacy(tmp_path / "tiny.h5", keras_tensors())


@pytest.fixture
def torch_file(tmp_path):
    return write_torch(tmp_path, torch_tensors())


def write_torch(folder, tensors):
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, folder / "tiny.safetensors")
    return folder / "tiny.safetensors"


def shapes_of(network, channels=3):
    variables = jax.eval_shape(network.init, KEY, jnp.zeros((1, SIZE, SIZE, channels)))
    return jax.tree.map(jnp.shape, {name: variables[name] for name in ("params", "batch_stats")})


def equal(a, b):
    return all(jax.tree.leaves(jax.tree.map(lambda x, y: bool((x == y).all()), a, b)))


def test_keras_values_are_in_their_places(keras_file):
    theirs = keras_tensors()
    variables = load_variables(KERAS, keras_file)
    assert jax.tree.map(jnp.shape, variables) == shapes_of(make_release_network(KERAS))
    params, stats = variables["params"], variables["batch_stats"]
    stem = params["image_tower"]["stem"]
    np.testing.assert_array_equal(stem["conv"]["kernel"], theirs["conv2d_7/kernel"])
    np.testing.assert_array_equal(stem["norm"]["scale"], theirs["batch_normalization_12/gamma"])
    np.testing.assert_array_equal(stem["norm"]["bias"], theirs["batch_normalization_12/beta"])
    np.testing.assert_array_equal(
        params["image_tower"]["deep"]["conv"]["kernel"][:, :, 0], theirs["deep/kernel"][..., 0]
    )
    unit = params["trunk"]["blocks"]["unit"]
    for i in (0, 1):
        np.testing.assert_array_equal(unit["conv"]["kernel"][i], theirs[f"block{i + 1}/kernel"])
        np.testing.assert_array_equal(unit["conv"]["bias"][i], theirs[f"block{i + 1}/bias"])
        means = stats["trunk"]["blocks"]["unit"]["norm"]
        np.testing.assert_array_equal(means["mean"][i], theirs[f"block{i + 1}_bn/moving_mean"])
        np.testing.assert_array_equal(means["var"][i], theirs[f"block{i + 1}_bn/moving_variance"])
    np.testing.assert_array_equal(params["classifier"]["kernel"], theirs["probs/kernel"])


def test_torch_values_are_in_their_places(torch_file):
    theirs = torch_tensors()
    variables = load_variables(TORCH, torch_file)
    params = variables["params"]
    assert jax.tree.map(jnp.shape, variables) == shapes_of(make_release_network(TORCH))
    kernel = params["image_tower"]["stem"]["conv"]["kernel"]
    np.testing.assert_array_equal(kernel, theirs["stem.0.weight"].transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(params["image_tower"]["stem"]["norm"]["scale"], theirs["stem.1.weight"])
    rows = params["hidden_layers"]["fc"]["kernel"].reshape(4, 4, 8, 6)
    np.testing.assert_array_equal(rows, theirs["fc1.weight"].reshape(6, 8, 4, 4).transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(params["classifier"]["kernel"], theirs["fc2.weight"].T)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))


def test_other_numbers_of_classes_get_a_new_last_layer(keras_file):
    published = load_variables(KERAS, keras_file)
    ours = load_variables(KERAS, keras_file, classes=2, key=KEY)
    assert jax.tree.map(jnp.shape, ours) == shapes_of(make_release_network(KERAS, 2))
    assert ours["params"]["classifier"]["kernel"].std() > 0.1
    again, other = (load_variables(KERAS, keras_file, classes=2, key=key) for key in (KEY, jax.random.key(4)))
    assert equal(ours, again)
    assert not equal(ours["params"]["classifier"], other["params"]["classifier"])
    for variables in (published, ours):
        del variables["params"]["classifier"]
    assert equal(published, ours)


def test_a_new_last_layer_needs_no_old_one(tmp_path):
    tensors = {name: tensor for name, tensor in keras_tensors().items() if not name.startswith("probs")}
    path = write_legacy(tmp_path / "notop.h5", tensors)
    load_variables(KERAS, path, classes=2, key=KEY)
    with pytest.raises(PretrainedError, match=r"params/classifier/kernel \(8, 5\): the file has no predictions/kernel"):
        load_variables(KERAS, path)


def test_hidden_layers_may_be_left_out(torch_file):
    network = make_release_network(TORCH, hidden_layers=False)
    variables = load_variables(TORCH, torch_file, network=network, key=KEY)
    assert jax.tree.map(jnp.shape, variables) == shapes_of(network)
    assert variables["params"]["classifier"]["kernel"].shape == (8, CLASSES)


def test_hidden_layers_may_be_kept_with_other_classes(torch_file):
    variables = load_variables(TORCH, torch_file, classes=2, key=KEY)
    assert variables["params"]["classifier"]["kernel"].shape == (6, 2)
    published = load_variables(TORCH, torch_file)
    assert equal(variables["params"]["hidden_layers"], published["params"]["hidden_layers"])


def test_grey_images_give_the_activations_of_the_same_image_in_colour(keras_file):
    grey = jax.random.normal(KEY, (2, SIZE, SIZE, 1))
    network = make_release_network(KERAS)
    colour = network.apply(load_variables(KERAS, keras_file), jnp.repeat(grey, 3, -1))
    variables = load_variables(KERAS, keras_file, channels=1)
    assert jax.tree.map(jnp.shape, variables) == shapes_of(network, 1)
    result = network.apply(variables, grey)
    np.testing.assert_allclose(result.features, colour.features, rtol=1e-4)
    np.testing.assert_allclose(result.logits, colour.logits, rtol=1e-4)
    mean = load_variables(KERAS, keras_file, channels=1, stem="mean")
    kernels = [v["params"]["image_tower"]["stem"]["conv"]["kernel"] for v in (variables, mean)]
    np.testing.assert_allclose(kernels[0], 3 * kernels[1], rtol=1e-6)


def test_a_map_tower_starts_from_the_image_tower(keras_file):
    network = make_release_network(KERAS, has_map_tower=True)
    variables = load_variables(KERAS, keras_file, network=network)
    assert jax.tree.map(jnp.shape, variables) == shapes_of(network)
    for part in variables.values():
        assert equal(part["image_tower"], part["map_tower"])


def test_the_map_tower_of_a_grey_network_keeps_three_channels(keras_file):
    network = make_release_network(KERAS, has_map_tower=True)
    variables = load_variables(KERAS, keras_file, network=network, channels=1)
    assert variables["params"]["image_tower"]["stem"]["conv"]["kernel"].shape == (3, 3, 1, 8)
    assert variables["params"]["map_tower"]["stem"]["conv"]["kernel"].shape == (3, 3, 3, 8)


def test_every_misfit_is_listed_with_shapes(tmp_path):
    tensors = keras_tensors()
    tensors["extra/kernel"] = np.ones((2, 7), np.float32)
    tensors["deep/bias"] = np.ones(8, np.float32)
    del tensors["block2/bias"], tensors["deep_bn/moving_mean"]
    tensors["block2_bn/gamma"] = np.ones(9, np.float32)
    tensors["conv2d_7/kernel"] = np.ones((5, 5, 3, 8), np.float32)
    path = write_legacy(tmp_path / "odd.h5", tensors)
    with pytest.raises(PretrainedError) as caught:
        load_variables(KERAS, path)
    lines = str(caught.value).splitlines()
    assert lines[0] == (
        f"{path} does not fit keras/tiny: tensors without a place: 2, parameters without a tensor: 2, "
        "shapes that differ: 2"
    )
    assert lines[1:] == [
        "tensors of the file without a place:",
        "  deep/bias (8,)",
        "  extra/kernel (2, 7)",
        "parameters without a tensor:",
        "  params/trunk/blocks/unit/conv/bias (2, 8): the file has no block2/bias",
        "  batch_stats/image_tower/deep/norm/mean (8,): the file has no deep_bn/moving_mean",
        "shapes that differ:",
        "  params/image_tower/stem/conv/kernel (3, 3, 3, 8): the file has (5, 5, 3, 8)",
        "  params/trunk/blocks/unit/norm/scale (2, 8): the file has (9,)",
    ]


def test_a_mapping_that_lacks_a_module_is_found_out(keras_file):
    layers = {ours: theirs for ours, theirs in KERAS.layers().items() if ours != "classifier"}
    with pytest.raises(PretrainedError, match=r"params/classifier/bias \(5,\): the file has no layer for it"):
        load_variables(dataclasses.replace(KERAS, layers=lambda: layers), keras_file)


def test_ignored_tensors_are_patterns_of_whole_names(torch_file):
    with pytest.raises(PretrainedError, match=r"tensors of the file without a place:\n  aux\.fc\.weight \(2, 2\)$"):
        load_variables(dataclasses.replace(TORCH, ignored=("aux", "fc.weight")), torch_file)


def test_a_file_of_another_release_is_recognised(keras_file, torch_file, monkeypatch):
    monkeypatch.setitem(load.RELEASES, TORCH.name, TORCH)
    wide = dataclasses.replace(KERAS, name="keras/wide", settings={"width": 2.0})
    for release in (KERAS, wide):
        monkeypatch.setitem(load.RELEASES, release.name, release)
    with pytest.raises(PretrainedError, match=r"does not fit keras/wide: .*; it fits keras/tiny\n"):
        load_variables(wide, keras_file)
    with pytest.raises(PretrainedError, match=r"does not fit keras/tiny: .*; it fits torch/tiny\n"):
        load_variables(KERAS, torch_file)


def test_arguments_that_contradict_each_other(keras_file):
    network = make_release_network(KERAS, 2)
    with pytest.raises(ValueError, match="7 classes are asked for, but the network has 2"):
        load_variables(KERAS, keras_file, network=network, classes=7)
    with pytest.raises(ValueError, match="1 or 3 channels, not 2"):
        load_variables(KERAS, keras_file, channels=2)
    with pytest.raises(ValueError, match=r"stem must be one of .*, not 'first'"):
        load_variables(KERAS, keras_file, stem="first")
    with pytest.raises(ValueError, match="classifier: not of keras/tiny, but new: a key"):
        load_variables(KERAS, keras_file, classes=2)


def test_the_networks_arguments_come_before_the_releases():
    network = make_release_network(KERAS, 2, dropout_rate=0.7, width=2.0)
    assert (network.classes, network.dropout_rate, network.has_map_tower) == (2, 0.7, False)
    assert shapes_of(network)["params"]["classifier"]["kernel"] == (16, 2)


def test_names_of_errors_are_of_the_file(tmp_path):
    with pytest.raises(PretrainedError, match=re.escape(str(tmp_path / "none.h5"))):
        load_variables(KERAS, tmp_path / "none.h5")


class Segmenting(nn.Module):
    """The tiny network beside an encoder and before a decoder that no release has."""

    settings: Settings
    classes: int

    def setup(self):
        backbone = tiny(self.settings)
        self.image_tower, self.trunk = backbone.lower(), backbone.upper()
        self.decoder, self.second = nn.Conv(3, (1, 1)), ConvNorm(self.settings, 4, (1, 1))
        self.hidden_layers, self.classifier = DenseHead((6,)), nn.Dense(self.classes)

    def __call__(self, image, train=False):
        features = self.trunk(self.image_tower(image, train), train)
        second = self.second(image, train)
        return self.classifier(self.hidden_layers(features)), self.decoder(features), second


@pytest.mark.parametrize(("release", "make"), [(KERAS, "keras_file"), (TORCH, "torch_file")])
@pytest.mark.parametrize("classes", [1, CLASSES])
def test_what_stands_beside_a_backbone_stays_as_initialised(release, make, classes, request):
    path = request.getfixturevalue(make)
    network = Segmenting(Settings(), classes)
    variables = load_variables(release, path, network=network, key=KEY)
    assert jax.tree.map(jnp.shape, variables) == shapes_of(network)
    published = load_variables(release, path)
    initial = initialise(network, KEY, jnp.zeros((1, SIZE, SIZE, 3)))
    for kind, tree in variables.items():
        for part, values in tree.items():
            source = published if part in ("image_tower", "trunk") else initial
            assert equal(values, source[kind][part]), (kind, part)
    with pytest.raises(ValueError, match=r"[a-z_, ]+: not of .*, but new: a key") as caught:
        load_variables(release, path, network=network)
    named = str(caught.value).split(":")[0].split(", ")
    assert sorted(named) == ["classifier", "decoder", "hidden_layers", "second"]


def test_misfits_of_the_backbone_are_listed_for_every_network(tmp_path):
    tensors = keras_tensors() | {"extra/kernel": np.ones((2, 7), np.float32)}
    del tensors["deep_bn/moving_mean"]
    path = write_legacy(tmp_path / "odd.h5", tensors)
    with pytest.raises(PretrainedError) as caught:
        load_variables(KERAS, path, network=Segmenting(Settings(), 1), key=KEY)
    assert str(caught.value).splitlines()[1:] == [
        "tensors of the file without a place:",
        "  extra/kernel (2, 7)",
        "parameters without a tensor:",
        "  batch_stats/image_tower/deep/norm/mean (8,): the file has no deep_bn/moving_mean",
    ]


def test_hidden_layers_of_another_kind_are_new(keras_file, torch_file):
    for release, path in ((KERAS, keras_file), (TORCH, torch_file)):
        network = make_release_network(release).clone(hidden=functools.partial(DenseHead, (6,)))
        variables = load_variables(release, path, network=network, key=KEY)
        assert jax.tree.map(jnp.shape, variables) == shapes_of(network)
        initial = initialise(network, KEY, jnp.zeros((1, SIZE, SIZE, 3)))
        for part in ("hidden_layers", "classifier"):
            assert equal(variables["params"][part], initial["params"][part])
