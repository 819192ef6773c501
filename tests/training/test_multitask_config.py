"""Configs of networks that classify and segment: they can be trained, and stand beside their published rows."""

import importlib

import numpy as np
import optax
import pytest

from busjax.evaluation.published import published_table
from busjax.methods import make_method
from busjax.sweeps.definition import read_sweep
from busjax.sweeps.errors import SweepError
from busjax.training.config import validate
from busjax.training.releases import preprocessing, settle_releases
from busjax.training.validation import best_epochs
from configs import emt_net, mt_estan, multitask, sha_mtl, vakanski


@pytest.mark.parametrize("variant", ["", "code", "single", "as_published", "scratch", "small", "small,single"])
@pytest.mark.parametrize("backbone", multitask.BACKBONES)
def test_every_variant_of_table_8(backbone, variant):
    for order in (f"{backbone},{variant}", f"{variant},{backbone}"):
        config = multitask.get_config(order)
        validate(config)
        assert config.model.net.backbone == backbone
        random = "small" in variant or variant == "scratch"
        assert (config.pretrained.release == "") == random
        assert config.table.row == ("" if random else f"{backbone}_{'single' if 'single' in variant else 'multi'}")
        # Without the weights, pixels stay as these expect them.
        if variant != "code":
            assert preprocessing(config) == preprocessing(multitask.get_config(backbone))


def test_lengths_of_training():
    """70 epochs in the paper; 50 rounds of 200 and of 210 steps in the scripts, of which ours has 23 in an epoch."""
    assert multitask.get_config().train.epochs == 70
    for config, steps in ((multitask.get_config("code"), 200), (mt_estan.get_config(), 210)):
        assert abs(config.train.epochs * 23 - 50 * steps) < 23
        assert abs(config.optimizer.plateau.patience * 23 - 15 * steps) < 23


def test_the_script_reports_the_last_epoch():
    config = multitask.get_config("code")
    rows = [{"epoch": epoch, "val/net_loss": 1.0} for epoch in range(1, config.train.epochs + 1)]
    assert best_epochs(rows, ("net",), config) == {"net": config.train.epochs}


@pytest.mark.parametrize("variant", ["vgg16", "densenet121", "mobilenet,scratch", "vgg16,code"])
def test_the_decoder_is_given_the_unit_of_the_pixels(variant):
    """Whatever the scaling, 255 grey levels are 1 to the decoder."""
    config = multitask.get_config(variant)
    black, white = (preprocessing(config).apply(np.full((1, 1, 3), grey, np.uint8)) for grey in (0, 255))
    unit = settle_releases(config).model.net.image_unit
    np.testing.assert_allclose((white - black)[0, 0] * np.asarray(unit), 1, rtol=1e-5)


@pytest.mark.parametrize("module", [mt_estan, sha_mtl, emt_net, vakanski])
@pytest.mark.parametrize("variant", ["full", "small"])
def test_the_networks_of_table_9(module, variant):
    config = module.get_config(variant)
    validate(config)
    row = "" if variant == "small" else module.__name__.removeprefix("configs.")
    assert config.table.to_dict() == {"name": "shareef_9" if row else "", "row": row}


def test_mt_estan_by_the_paper_and_by_the_script():
    paper, script = mt_estan.get_config(), mt_estan.get_config("code")
    assert (paper.loss.classification_weight, script.loss.classification_weight) == (3.0, 1.5)
    assert paper.loss.positive_weight == script.loss.positive_weight == 3.0
    encoder = mt_estan.get_config("small,encoder")
    validate(encoder)
    method = make_method(encoder, optax.sgd(0.1))
    assert not method.draws
    assert encoder.loss == mt_estan.get_config("small").loss


@pytest.mark.parametrize(("table", "runs"), [(8, 50), (9, 20)])
def test_the_sweeps_of_both_tables(table, runs):
    """Every fold of every row, each beside its published one."""
    requests = read_sweep(f"configs/sweeps/table{table}.py")
    assert len(requests) == runs
    rows = []
    for source, fields in requests:
        path, _, variant = source.partition(":")
        module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
        config = module.get_config(variant or "full")
        assert config.table.name == f"shareef_{table}"
        rows.append((config.table.row, fields["data.fold"]))
    assert len(set(rows)) == runs
    assert {row for row, _ in rows} == {row.name for row in published_table(f"shareef_{table}").rows}
    with pytest.raises(SweepError, match="unknown network 'mobilnet'" if table == 8 else "unknown network 'mt_estn'"):
        read_sweep(f"configs/sweeps/table{table}.py:{'mobilnet' if table == 8 else 'mt_estn'}")
