"""Whole runs with three classes and a mask, on the phantom; what is refused where a class is missing."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from busjax.data.splits import SplitError
from busjax.evaluation.predictions import read_csv
from busjax.training.config import validate
from busjax.training.evaluate import evaluate
from busjax.training.loop import train
from busjax.training.run_data import evaluation_stream
from busjax.training.workdir import read_workdir
from configs import dizaj
from tests.training.test_loop import final_state, quiet, start

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard")


def tiny(data_dir, variant):
    config = dizaj.get_config(variant)
    config.data.name, config.data.data_dir = "phantom", str(data_dir)
    config.data.image_size = 32
    config.data.despeckle = "median"
    config.model.net.width = 0.125
    config.train.epochs = 2
    config.selection.after = 0.0
    validate(config)
    return config


def test_a_run_from_start_to_report(phantom_dir, tmp_path):
    config = tiny(phantom_dir, "small,unet")
    run = start(config, tmp_path)
    assert train(run, quiet())
    results = evaluate(run, read_workdir(tmp_path)[2], quiet())
    assert json.loads((tmp_path / "results.json").read_text()) == results
    table, test = run.data.dataset.table, run.data.split.test
    for part in run.data.split.parts().values():
        assert set(table.label[part]) == {0, 1, 2}

    (predictions,) = read_csv(tmp_path / "predictions/test.csv")
    assert predictions.classes == ("normal", "benign", "malignant")
    labels = dict(zip(table.image_id.tolist(), table.label.tolist(), strict=True))
    assert predictions.target.tolist() == [labels[name] for name in predictions.image_id.tolist()]
    assert sorted(predictions.image_id) == sorted(table.image_id[test])
    entry = results["test"]["net"]
    decided = predictions.scores.argmax(axis=1)
    assert entry["accuracy"] == pytest.approx((decided == predictions.target).mean())
    confusion = [[int(((predictions.target == i) & (decided == j)).sum()) for j in range(3)] for i in range(3)]
    assert entry["confusion"] == confusion

    # Scores once more, by the network itself, an image at a time.
    network = run.method.networks["net"]
    net = jax.device_get(run.restore(run.checkpoints.best("net")[0]).networks["net"])
    variables = jax.tree.map(jnp.asarray, {"params": net.params, "batch_stats": net.batch_stats})
    tell = jax.jit(lambda image: jax.nn.softmax(network.apply(variables, image).logits))
    scores = dict(zip(predictions.image_id.tolist(), predictions.scores, strict=True))
    for batch in evaluation_stream(config, run.data, test[:4], None, batch_size=1):
        name = str(table.image_id[int(batch["index"][0])])
        np.testing.assert_allclose(tell(batch["image"][0])[0], scores[name], rtol=1e-3, atol=1e-5)
    assert results["test"]["segmentation"]["images"] == len(test)
    run.checkpoints.close()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_parameters(phantom_dir, tmp_path):
    """Bit by bit, with both dropouts, whether or not the run was ended half way."""
    finals = []
    for name in ("whole", "halves"):
        config = tiny(phantom_dir, "small,unet")
        config.optimizer.schedule = "constant"
        if name == "halves":
            config.train.epochs = 1
            run = start(config, tmp_path / name)
            assert train(run, quiet())
            run.checkpoints.close()
            config = tiny(phantom_dir, "small,unet")
            config.optimizer.schedule = "constant"
        run = start(config, tmp_path / name)
        assert train(run, quiet())
        finals.append(final_state(run))
        run.checkpoints.close()
    for a, b in zip(*map(jax.tree.leaves, finals), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.real_data
def test_a_dataset_without_normal_images(real_data, tmp_path):
    """BUS-BRA: refused by the class that is missing, and trained with two."""
    config = dizaj.get_config("small")
    config.data.name, config.data.data_dir, config.data.manual_dir = "bus_bra", str(tmp_path), str(real_data)
    with pytest.raises(
        SplitError, match=r"split without normal images: the train part of the holdout split .bus_bra. has 0 normal"
    ):
        start(config, tmp_path / "run")
