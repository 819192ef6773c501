"""Whole runs of Hijab's protocols on the phantom: what they count, and that the one that leaks says so everywhere."""

import csv
import io
import json

import pytest
from rich.console import Console

from busjax.data.variants import images_on_both_sides
from busjax.evaluation.tables.command import make_tables
from busjax.training.config import validate
from busjax.training.evaluate import evaluate
from busjax.training.loop import train
from busjax.training.unused import refuse_unused
from busjax.training.workdir import read_workdir
from configs import hijab
from tests.training.test_loop import quiet, start

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.mark.parametrize("protocol", ["as_published", "by_case", "honest"])
def test_a_protocol_from_start_to_table(protocol, phantom_dir, tiny_release, tmp_path):
    config = hijab.get_config(f"features,small,{protocol}")
    config.data.name, config.data.data_dir = "phantom", str(phantom_dir)
    config.data.image_size, config.data.variants = 16, 3
    config.pretrained.release, config.pretrained.path = tiny_release
    config.model.net.head.widths = (8,)
    config.train.epochs, config.train.batch_size = 1, 16
    validate(config)
    refuse_unused(config)
    run = start(config, tmp_path)
    assert train(run, quiet())
    console = Console(file=io.StringIO(), width=200)
    results = evaluate(run, read_workdir(tmp_path)[2], console)
    run.checkpoints.close()
    make_tables(tmp_path, console)
    split, table = run.data.split, run.data.dataset.table
    names = [name.partition("#")[0] for name in table.image_id[split.test].tolist()]
    shown = {"terminal": console.file.getvalue(), "results": json.dumps(results, ensure_ascii=False)}
    for name in ("report.html", "table.md", "table.csv", "table.html"):
        shown[name] = (tmp_path / name).read_text(encoding="utf-8")
    assert json.loads((tmp_path / "results.json").read_text()) == results

    entry = results["test"]["net"]
    assert (entry["images"], entry["versions"]) == (len(set(names)), len(names))
    assert (entry["versions"] > entry["images"]) == (protocol != "honest")
    size = f"{len(set(names))} ({entry['cases']})"
    (row,) = [row for row in csv.DictReader(io.StringIO(shown["table.csv"])) if row["kind"] == "run"]
    assert row["images"] == (size if protocol == "honest" else f"{size}, {len(names)} versions")

    shared = len(images_on_both_sides(split, table))
    assert (shared > 0) == (protocol == "as_published")
    for where, text in shown.items():
        text = " ".join(text.split())
        if protocol == "as_published":
            assert f"versions of {shared} of the {len(set(names))} images tested are in training or validat" in text, (
                where
            )
            assert "leaks patients" in text or "leaks_patients" in text, where
        else:
            assert "images tested are in training" not in text, where
            # Only the published row is said to leak.
            assert "leaks_patients" not in text, where
    assert ("leaks patients" in row["what"]) == (protocol == "as_published")
