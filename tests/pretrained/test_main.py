"""The command: a table of what goes where, counts, figures that can be repeated elsewhere; errors in one line."""

import dataclasses
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from busjax.pretrained import load, table
from busjax.pretrained.__main__ import main
from busjax.pretrained.fixed_input import figures, fixed_image
from busjax.pretrained.load import load_variables, make_release_network
from busjax.pretrained.release import CAFFE, HALVES, IMAGENET
from tests.pretrained.tiny import KERAS, SIZE, TORCH, keras_tensors, write_legacy

pytestmark = pytest.mark.usefixtures("tiny_backbone")


@pytest.fixture(autouse=True)
def _two_releases(monkeypatch):
    for module in (load, table):
        monkeypatch.setattr(module, "RELEASES", {release.name: release for release in (KERAS, TORCH)})


@pytest.fixture
def file(tmp_path):
    return write_legacy(tmp_path / "tiny.h5", keras_tensors())


def test_report(file, capsys):
    assert main([str(file), "--release", "keras/tiny"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "release   keras/tiny, licence none"
    table_lines = {line.split()[0]: " ".join(line.split()) for line in lines if "->" in line}
    assert set(table_lines) == {*keras_tensors(), "tensors"}
    assert table_lines["deep/kernel"] == (
        "deep/kernel (3, 3, 8, 1) -> params/image_tower/deep/conv/kernel (3, 3, 1, 8)"
    )
    assert table_lines["block2/bias"] == "block2/bias (8,) -> params/trunk/blocks/unit/conv/bias[1] (8,)"
    count = sum(tensor.size for tensor in keras_tensors().values())
    assert f"values    {count:,} in the network, 0 not used; {count:,} published" in lines
    network = make_release_network(KERAS)
    image = jnp.asarray(fixed_image(SIZE)[None] / np.float32(127.5) - 1)
    outputs = network.apply(load_variables(KERAS, file), image)
    for line, values in zip(lines[-2:], (outputs.features, outputs.logits), strict=True):
        name, _, mean, _, _, deviation, _, *first = line.split()
        assert name in ("features", "logits")
        np.testing.assert_allclose(float(mean), np.mean(values), rtol=1e-4)
        np.testing.assert_allclose(float(deviation), np.std(values), rtol=1e-4)
        np.testing.assert_allclose([float(v) for v in first], np.ravel(values)[:5], rtol=1e-4)


def test_unused_tensors_and_another_checksum_are_told(tmp_path, capsys, monkeypatch):
    tensors = keras_tensors() | {"normalization/mean": np.ones(3, np.float32)}
    path = write_legacy(tmp_path / "tiny.h5", tensors)
    release = dataclasses.replace(KERAS, ignored=("normalization*/*",), checksum="sha256:00")
    monkeypatch.setitem(table.RELEASES, KERAS.name, release)
    assert main([str(path), "--release", "keras/tiny"]) == 2
    out, err = capsys.readouterr()
    assert "not used\n  normalization/mean  (3,)\n" in out
    assert "in the network, 3 not used" in out
    assert "(NOT sha256:00 as published)" in out
    assert err.startswith(f"error: {path} holds other weights than keras/tiny, or was written anew: the checksum is ")
    assert err.endswith(", not sha256:00 as expected\n")


def test_list(capsys):
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["keras/tiny", "torch/tiny"]


def test_fetch(tmp_path, file, capsys, monkeypatch):
    (tmp_path / "keras_tiny.h5").write_bytes(file.read_bytes())
    monkeypatch.setitem(table.RELEASES, KERAS.name, dataclasses.replace(KERAS, url="https://nowhere.invalid/a.h5"))
    assert main(["--fetch", str(tmp_path), "--release", "keras/tiny"]) == 0
    assert f"file      {tmp_path}/keras_tiny.h5" in capsys.readouterr().out


def check_error(capsys, arguments, message):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    return out


def test_errors_are_one_line(tmp_path, file, capsys):
    check_error(capsys, [str(file), "--release", "keras/tinny"], "'keras/tinny'; did you mean 'keras/tiny'?")
    check_error(capsys, [str(tmp_path / "none.h5"), "--release", "keras/tiny"], "none.h5: cannot be read")
    check_error(capsys, ["--fetch", str(tmp_path), "--release", "keras/tiny"], "keras/tiny: has no address")
    content = file.read_bytes()
    file.write_bytes(content[:-100])
    check_error(capsys, [str(file), "--release", "keras/tiny"], "tiny.h5: cannot be read")


def test_a_wrong_release_lists_both_sides(file, capsys):
    out = check_error(capsys, [str(file), "--release", "torch/tiny"], "; it fits keras/tiny")
    assert "  probs/kernel (8, 5)\n" in out
    assert "  params/classifier/kernel (6, 5): the file has no fc2.weight\n" in out


@pytest.mark.parametrize("arguments", [[], ["a.h5"], ["--release", "a"], ["a.h5", "--fetch", "b", "--release", "c"]])
def test_incomplete_commands(arguments):
    process = [sys.executable, "-m", "busjax.pretrained", *arguments]
    result = subprocess.run(process, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert "needed: FILE --release NAME" in result.stderr


def test_the_fixed_image():
    image = fixed_image(300)
    assert image.shape == (300, 300, 3)
    for i, j, c in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (299, 298, 2)):
        assert image[i, j, c] == (37 * i + 91 * j + 53 * c) % 256


def test_preprocessing_of_releases():
    image = np.array([[[0, 127, 255]]], np.uint8)
    np.testing.assert_allclose(HALVES.apply(image), [[[-1, -1 / 255, 1]]], atol=1e-6)
    np.testing.assert_allclose(CAFFE.apply(image), [[[255 - 103.939, 127 - 116.779, -123.68]]], rtol=1e-5)
    expected = [(0 - 0.485) / 0.229, (127 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    np.testing.assert_allclose(IMAGENET.apply(image), [[expected]], rtol=1e-5)


def test_figures():
    values = figures(np.float32([[1, 2], [3, 4], [5, 6]]))
    assert values.mean == 3.5
    assert values.deviation == pytest.approx(np.sqrt(35 / 12))
    assert values.first == (1, 2, 3, 4, 5)
