"""A run that trains on one dataset and is tested on others."""

import dataclasses

import numpy as np
import pytest

from busjax.evaluation.predictions import read_csv
from busjax.training.config import ConfigError, validate
from busjax.training.evaluate import evaluate
from busjax.training.loop import train
from busjax.training.run_data import open_data
from busjax.training.workdir import Workdir, read_workdir
from tests.tfds_builders.releases import busi, curated_busi, stu_hospital
from tests.training.test_loop import quiet, start
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard")


@pytest.fixture
def data_dir(phantom_dir, tmp_path):
    """The small phantom, BUSI and the STU-Hospital set, the latter two as fixtures."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "phantom").symlink_to(phantom_dir / "phantom")
    for name, release in (("busi", busi), ("stu_hospital", stu_hospital)):
        release.write_release(tmp_path / name)
        prepare(name, folder, tmp_path / name)
    return folder


def test_results_per_dataset(tiny, data_dir, tmp_path):
    config = tiny("classification")
    config.data.data_dir = str(data_dir)
    config.data.train = "phantom"
    config.data.test = ("phantom", "busi", "stu_hospital")
    config.train.epochs = 1
    validate(config)
    run = start(config, tmp_path / "run")
    assert train(run, quiet())
    console = quiet()
    results = evaluate(run, read_workdir(tmp_path / "run")[2], console)
    run.checkpoints.close()

    (predictions,) = read_csv(tmp_path / "run/predictions/test.csv")
    dataset = np.array([name.split("/")[0] for name in predictions.image_id])
    assert set(dataset) == {"phantom", "busi", "stu_hospital"}
    assert (predictions.target[dataset == "stu_hospital"] == -1).all()  # it tells no classes
    assert set(results["datasets"]) == {"phantom", "busi", "stu_hospital"}
    assert results["datasets"]["stu_hospital"] == {}
    assert set(results["datasets"]["busi"]) == {"test"}
    assert results["test"]["mt"]["unknown"] == (dataset == "stu_hospital").sum()
    for name in ("phantom", "busi"):
        found, own = results["datasets"][name]["test"]["mt"], dataset == name
        positive, truth = predictions.scores[own, 1] > 0.5, predictions.target[own]
        assert found["tp"] == int((positive & (truth == 1)).sum())
        assert found["tn"] == int((~positive & (truth == 0)).sum())
        assert found["images"] == own.sum()
    assert results["datasets"]["phantom"]["val"] == results["val"]
    assert "test, busi alone" in console.file.getvalue()
    report = (tmp_path / "run/report.html").read_text()
    assert "<h3>busi, test</h3>" in report
    assert "phantom, tested on " in report


def test_groups_of_near_duplicates_are_kept_together(tiny, data_dir, tmp_path):
    """A picture of BUSI that is said to be one of the phantom's is not tested apart from it."""
    config = tiny("classification")
    config.data.data_dir = str(data_dir)
    config.data.name = "phantom,busi"
    plain = open_data(config, Workdir(tmp_path / "none")).dataset.table
    phantom_case = plain.case_id[0]
    rows = ["image_id,group", f"{plain.image_id[0]},1", "busi/malignant (2),1", "busi/benign (436),1"]
    (tmp_path / "groups.csv").write_text("\n".join(rows) + "\n")
    config.data.groups = str(tmp_path / "groups.csv")
    data = open_data(config, Workdir(tmp_path / "none"))
    table = data.dataset.table
    together = np.flatnonzero(np.isin(table.image_id, ["busi/malignant (2)", "busi/benign (436)", plain.image_id[0]]))
    assert len(set(table.case_id[together].tolist())) == 1
    members = np.flatnonzero(table.case_id == table.case_id[together[0]])
    assert len(members) == 2 + (plain.case_id == phantom_case).sum()
    assert sum(set(members) <= set(rows.tolist()) for rows in data.split.parts().values()) == 1
    unchanged = [field.name for field in dataclasses.fields(table) if field.name != "case_id"]
    assert all((getattr(table, name) == getattr(plain, name)).all() for name in unchanged)


def test_a_dataset_named_after_another_is_joined_by_name(tiny, data_dir, tmp_path):
    """Curated BUSI is tested; what it shows of BUSI is not trained on, and no file of groups is needed."""
    curated_busi.write_release(tmp_path / "curated")
    config = tiny("classification")
    config.data.data_dir, config.data.manual_dir = str(data_dir), str(tmp_path / "curated")
    config.data.train, config.data.test = "phantom,busi", "curated_busi"
    data = open_data(config, Workdir(tmp_path / "none"))
    table, parts = data.dataset.table, data.split.parts()
    assert (table.dataset[parts["test"]] == "curated_busi").all()
    tested = {name.split("/")[1].replace("_id_", " (") + ")" for name in table.image_id[parts["test"]].tolist()}
    trained = np.concatenate([parts["train"], parts["val"]])
    used = {name.split("/")[1] for name in table.image_id[trained].tolist() if name.startswith("busi/")}
    present = {name.split("/")[1] for name in table.image_id.tolist() if name.startswith("busi/")}
    assert tested & present
    assert not tested & used


def test_the_group_file_is_kept_with_the_run(tiny, data_dir, tmp_path):
    config = tiny("classification")
    config.data.data_dir, config.data.name = str(data_dir), "phantom,busi"
    config.train.epochs = 1
    groups = tmp_path / "groups.csv"
    groups.write_text("image_id,group\nbusi/malignant (2),1\nbusi/benign (436),1\n")
    config.data.groups = str(groups)
    run = start(config, tmp_path / "run")
    assert train(run, quiet())
    run.checkpoints.close()
    groups.unlink()
    table = open_data(config, Workdir(tmp_path / "run")).dataset.table
    assert len(set(table.case_id[np.isin(table.image_id, ["busi/malignant (2)", "busi/benign (436)"])].tolist())) == 1


def test_overlapping_datasets_are_refused(tiny, data_dir, tmp_path):
    config = tiny("classification")
    config.data.data_dir, config.data.manual_dir = str(data_dir), str(tmp_path / "curated_busi")
    config.data.name = ["hmss", "bus_uc"]
    with pytest.raises(DatasetError, match="hmss and bus_uc hold some of the same pictures"):
        open_data(config, Workdir(tmp_path / "none"))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", r"^data\.name: found '', expected a name such as 'busi', or several"),
        ("name", "bussi", r"^data\.name: unknown dataset 'bussi'; did you mean 'busi'"),
        ("train", "busi", r"^data\.test: found '', expected the datasets to test on, since data\.train is set"),
        ("name", 3, r"^data\.name: found 3, expected a name"),
        ("test", "busi,busi", r"^data\.test: found 'busi,busi', expected .* each once"),
        ("train", ["busi", 2], r"^data\.train: found \['busi', 2\], expected"),
    ],
)
def test_names_that_cannot_be(tiny, field, value, message):
    config = tiny("classification")
    config.data[field] = value
    with pytest.raises(ConfigError, match=message):
        validate(config)
