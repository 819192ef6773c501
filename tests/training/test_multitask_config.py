"""Configs of networks that classify and segment: they can be trained, and stand beside their published rows."""

import importlib

import optax
import pytest

from busjax.evaluation.published import published_table
from busjax.methods import make_method
from busjax.sweeps.definition import read_sweep
from busjax.sweeps.errors import SweepError
from busjax.training.config import validate
from configs import emt_net, mt_estan, multitask, sha_mtl, vakanski


@pytest.mark.parametrize("variant", ["", "code", "single", "scratch", "small", "small,single"])
@pytest.mark.parametrize("backbone", multitask.BACKBONES)
def test_every_variant_of_table_8(backbone, variant):
    for order in (f"{backbone},{variant}", f"{variant},{backbone}"):
        config = multitask.get_config(order)
        validate(config)
        assert config.model.net.backbone == backbone
        assert config.table.row == f"{backbone}_{'single' if 'single' in variant else 'multi'}"
        assert (config.pretrained.release == "") == ("small" in variant or variant == "scratch")


@pytest.mark.parametrize("module", [mt_estan, sha_mtl, emt_net, vakanski])
@pytest.mark.parametrize("variant", ["full", "small"])
def test_the_networks_of_table_9(module, variant):
    config = module.get_config(variant)
    validate(config)
    assert config.table.name == "shareef_9"
    assert config.table.row == module.__name__.removeprefix("configs.")


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
