"""Readers: the layouts that Keras, PyTorch and safetensors write, and files that are damaged, foreign or hostile."""

import os
import pickle
import sys
import zipfile

import h5py
import numpy as np
import pytest

from busjax.pretrained.errors import PretrainedError
from busjax.pretrained.files import read_tensors
from tests.pretrained.tiny import write_legacy

os.environ.setdefault("KERAS_BACKEND", "jax")

KERNEL = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
keras_writes = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def save_keras(folder):
    """A model with every class of layers that has variables, some named and some not, in each of Keras's layouts."""
    keras = pytest.importorskip("keras")
    from keras.src.legacy.saving import legacy_h5_format

    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((6, 6, 3)),
            layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 1.0, 1.0]),
            layers.Normalization(name="scaling"),
            layers.Conv2D(4, 3, name="first"),
            layers.Conv2D(5, 1),
            layers.BatchNormalization(name="first_bn"),
            layers.BatchNormalization(scale=False, name="no_gamma"),
            layers.DepthwiseConv2D(3, name="deep"),
            layers.SeparableConv2D(6, 1, name="separable"),
            layers.Flatten(),
            layers.Dense(2, name="predictions"),
        ]
    )
    generator = np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(generator.uniform(1, 2, variable.shape).astype(variable.dtype))
    paths = [folder / name for name in ("three.weights.h5", "legacy.h5")]
    model.save_weights(paths[0])
    with h5py.File(paths[1], "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return model, paths


@keras_writes
def test_both_layouts_of_keras_give_the_same_names_and_values(tmp_path):
    model, paths = save_keras(tmp_path)
    expected = {}
    for layer in model.layers:
        for variable in layer.variables:
            name = f"{layer.name}/{variable.name}"
            expected[name] = variable.numpy()
    assert {"first/kernel", "no_gamma/beta", "separable/pointwise_kernel", "scaling/count"} < set(expected)
    assert {"predictions/bias", "deep/kernel", "first_bn/moving_variance"} < set(expected)
    for path in paths:
        tensors = read_tensors(path)
        assert set(tensors) == set(expected)
        for name, tensor in tensors.items():
            np.testing.assert_array_equal(tensor, expected[name])


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@keras_writes
def test_a_whole_model_of_keras_is_read(tmp_path):
    model, paths = save_keras(tmp_path)
    model.save(tmp_path / "whole.h5")
    whole, weights = read_tensors(tmp_path / "whole.h5"), read_tensors(paths[1])
    assert set(whole) == set(weights)


@pytest.mark.parametrize(
    ("layer", "weight", "name"),
    [
        ("conv_dw_1", "conv_dw_1/depthwise_kernel:0", "conv_dw_1/depthwise_kernel"),
        ("conv1", "conv1_2/kernel:0", "conv1/kernel"),
        ("conv1/bn", "conv1/bn/moving_mean:0", "conv1_bn/moving_mean"),
        ("block1_conv1", "block1_conv1_W_1:0", "block1_conv1/kernel"),
        ("block1_conv1", "block1_conv1_b_1:0", "block1_conv1/bias"),
        ("batchnormalization_1", "batchnormalization_1_running_std:0", "batchnormalization_1/moving_variance"),
        ("block2_sepconv1", "block2_sepconv1_pointwise_kernel:0", "block2_sepconv1/pointwise_kernel"),
    ],
)
def test_older_spellings_of_keras(tmp_path, layer, weight, name):
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["layer_names0"] = [layer.encode()]  # a list spread over several attributes
        file.attrs["layer_names1"] = [b"activation"]
        file.create_group("activation").attrs["weight_names"] = []
        group = file.create_group(layer)
        group.attrs["weight_names"] = [weight.encode()]
        group[weight] = KERNEL
    assert list(read_tensors(tmp_path / "old.h5")) == [name]


def test_weights_h5_without_layer_names_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.weights.h5", "w") as file:
        file["layers/conv2d/vars/0"] = KERNEL
    with pytest.raises(PretrainedError, match=r"a\.weights\.h5: does not hold the names of layers"):
        read_tensors(tmp_path / "a.weights.h5")


def test_models_in_models_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.weights.h5", "w") as file:
        file["layers/functional/layers/conv2d/vars/0"] = KERNEL
    with pytest.raises(PretrainedError, match=r"a\.weights\.h5: 'functional' holds layers itself"):
        read_tensors(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.attrs["layer_names"] = [b"mobilenet"]
        file["mobilenet/conv1/kernel:0"] = file["mobilenet/conv2/kernel:0"] = KERNEL
        file["mobilenet"].attrs["weight_names"] = [b"conv1/kernel:0", b"conv2/kernel:0"]
    with pytest.raises(PretrainedError, match=r"b\.h5: two weights are 'mobilenet/kernel'"):
        read_tensors(tmp_path / "b.h5")


def test_other_hdf5_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = KERNEL
    with pytest.raises(PretrainedError, match=r"a\.h5: is HDF5, but not as Keras writes weights"):
        read_tensors(tmp_path / "a.h5")


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("nested", [True, False])
def test_pth_in_both_formats(tmp_path, zipped, nested):
    torch = pytest.importorskip("torch")
    state = {
        "a.weight": torch.arange(6.0).reshape(2, 3).T,
        "half": torch.tensor([1.5], dtype=torch.bfloat16),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "count": torch.tensor(7),
    }
    content = {"state_dict": state, "epoch": 3} if nested else state
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    tensors = read_tensors(tmp_path / "a.pth")
    assert list(tensors) == list(state)
    np.testing.assert_array_equal(tensors["a.weight"], [[0, 3], [1, 4], [2, 5]])
    np.testing.assert_array_equal(tensors["half"], np.float32([1.5]))
    assert tensors["count"] == 7


def test_safetensors_with_every_type_of_number(tmp_path):
    import ml_dtypes
    from safetensors.numpy import save_file

    state = {"a": KERNEL, "b": KERNEL.astype(np.float16), "c": KERNEL.astype(ml_dtypes.bfloat16)}
    save_file(state, tmp_path / "a.safetensors")
    tensors = read_tensors(tmp_path / "a.safetensors")
    assert set(tensors) == set(state)
    for name in state:
        np.testing.assert_array_equal(tensors[name].astype(np.float32), KERNEL)


class Hostile:
    """Unpickled, it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("form", ["zip", "legacy", "plain"])
def test_a_pickle_that_would_run_code_is_refused(tmp_path, form):
    torch = pytest.importorskip("torch")
    path, made = tmp_path / "evil.pth", tmp_path / "made"
    if form == "plain":
        path.write_bytes(pickle.dumps({"a": Hostile(made)}))
    else:
        content = {"a": torch.zeros(3), "b": Hostile(made)}
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(PretrainedError, match=r"evil\.pth: is refused: it holds more than tensors") as caught:
        read_tensors(path)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)  # no advice to read it all the same
    assert not made.exists()


def test_without_pytorch_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "a.pth").write_bytes(b"PK\x03\x04")
    with pytest.raises(PretrainedError, match=r"a\.pth: .*PyTorch must be installed.*or convert.*safetensors"):
        read_tensors(tmp_path / "a.pth")


def _write(path, kind):
    if kind == "hdf5":
        return write_legacy(path, {"conv1/kernel": np.ones((3, 3, 3, 64), np.float32)})
    if kind == "safetensors":
        from safetensors.numpy import save_file

        save_file({"a": np.ones(1000, np.float32)}, path)
    else:
        torch = pytest.importorskip("torch")
        torch.save({"a": torch.ones(1000)}, path, _use_new_zipfile_serialization=kind == "zip")
    return path


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["hdf5", "safetensors", "zip", "legacy"])
def test_a_truncated_file_is_one_clear_error(tmp_path, kind, share):
    path = _write(tmp_path / "short", kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(PretrainedError, match=r"short: (is truncated|cannot be read|.* or is damaged)") as caught:
        read_tensors(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"1,2,3\n"])
def test_another_kind_of_file(tmp_path, content):
    (tmp_path / "page.h5").write_bytes(content)
    with pytest.raises(PretrainedError, match=r"page\.h5: is not a file of weights"):
        read_tensors(tmp_path / "page.h5")


def test_archives_and_pickles_without_tensors(tmp_path):
    torch = pytest.importorskip("torch")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(PretrainedError, match=r"photos\.zip: cannot be read"):
        read_tensors(tmp_path / "photos.zip")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(PretrainedError, match=r"list\.pth: holds no state dictionary"):
        read_tensors(tmp_path / "list.pth")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(PretrainedError, match=r"none\.h5: cannot be read: No such file"):
        read_tensors(tmp_path / "none.h5")
    with pytest.raises(PretrainedError, match="cannot be read: Is a directory"):
        read_tensors(tmp_path)


def test_safetensors_whose_header_begins_like_a_pickle(tmp_path):
    """Eight bytes of length come first; here their first one is that of a pickle."""
    from safetensors.numpy import save_file

    values = np.arange(6, dtype=np.float32)
    for length in range(1, 200):
        save_file({"n" * length: values}, tmp_path / "a.safetensors")
        if (tmp_path / "a.safetensors").read_bytes()[0] == 0x80:
            break
    else:
        pytest.fail("no such header")
    np.testing.assert_array_equal(read_tensors(tmp_path / "a.safetensors")["n" * length], values)
