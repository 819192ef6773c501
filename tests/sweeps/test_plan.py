"""Every run is checked before the first one starts."""

import json
import re
import shutil
import threading
from pathlib import Path

import pytest

from busjax.sweeps import lock
from busjax.sweeps.errors import SweepError
from busjax.sweeps.plan import Base, plan, write_listing
from busjax.training.config import to_json
from busjax.training.workdir import open_workdir
from configs import rem
from tests.sweeps.conftest import ROOT, listed
from tests.sweeps.test_definition import sweep_file

BASE = Base(rem.get_config("demo"), "configs/rem.py:demo")


def test_configs_are_those_of_the_file_with_its_fields_changed(tmp_path):
    body = """add({"model.map_scale": 1, "data.name": ["busi", "bus_bra"]})
add("configs/basic.py:small", {"data.fold": 1})"""
    one, other = plan(str(sweep_file(tmp_path, body)), BASE, ROOT, None)
    expected = rem.get_config("demo")
    expected.model.map_scale = 1.0
    expected.data.name = ("busi", "bus_bra")
    assert one.config == to_json(expected)
    assert (one.config_file, one.overrides) == (
        "configs/rem.py:demo",
        {"model.map_scale": 1.0, "data.name": ["busi", "bus_bra"]},
    )
    assert other.config["method"] == "classification"
    assert other.config["data"]["fold"] == 1
    assert other.config_file == "configs/basic.py:small"
    assert BASE.config is not None
    assert BASE.config.model.map_scale == 0.2


def test_the_command_line_holds_for_runs_of_other_configs_too(tmp_path):
    config = rem.get_config("demo")
    config.train.epochs = 2
    base = Base(config, "configs/rem.py:demo", {"train.epochs": 2})
    body = 'add(seed=1)\nadd("configs/basic.py:demo")'
    assert [r.config["train"]["epochs"] for r in plan(str(sweep_file(tmp_path, body)), base, ROOT, None)] == [2, 2]


def test_a_file_with_a_config_of_its_own_needs_no_other(tmp_path):
    head = "from configs import rem\nget_config = rem.get_config\ndef sweep(add):"
    (run,) = plan(f"{sweep_file(tmp_path, 'add(seed=5)', head)}:demo", Base(), ROOT, None)
    assert run.config["data"]["name"] == "phantom"
    assert run.config["seed"] == 5


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "add({'model.map_scal': 1.0})",
            "run 1 (map_scal=1.0): unknown field 'model.map_scal'; did you mean 'model.map_scale'?",
        ),
        ("add(seed=1)\nadd(sede=1)", "run 2 (sede=1): unknown field 'sede'; did you mean 'seed'?"),
        (
            "add({'eval': 3})",
            "run 1 (eval=3): eval: found 3, expected values of its fields batch_size, beta",
        ),
        ("add({'train.epochs': 0})", "run 1 (epochs=0): train.epochs: found 0, expected at least 1"),
        ("add({'train.epochs': 'many'})", "train.epochs: found 'many', expected a value of type int"),
        ("add(seed=1)\nadd(seed=2)\nadd(seed=1)", "runs 1 and 3 (seed=1) have the same config"),
        ("add()\nadd(seed=0)", "runs 1 and 2 (seed=0) have the same config"),
        ("add({'model.mt.width': None})", "model.mt.width: found None, expected above 0 and at most 1"),
        (
            "add({'data.data_dir': '/a'})\nadd({'data.data_dir': '/b'})",
            "runs 1 and 2 (base) have the same config but for data.data_dir, by which runs are not told apart",
        ),
        ("add({'seed': None})", "run 1 (seed=None): seed: found None, expected 0 to 4.29497e+09"),
        ("add({'train.epochs': True})", "train.epochs: found True, expected a value of type int"),
        ("add({'optimizer.learning_rate': True})", "learning_rate: found True, expected a value of type float"),
        (
            "add({'data.groups': 'a/b'})\nadd({'data.groups': 'a_b'})",
            "runs 1 and 2 (groups=a_b) have the same name",
        ),
        ("add('configs/rem.py:dmo')", "unknown variant 'dmo'; did you mean 'demo'"),
        ("add('configs/ram.py:demo')", "configs/ram.py: no such file"),
    ],
)
def test_what_is_refused(tmp_path, body, message):
    with pytest.raises(SweepError, match=re.escape(message)):
        plan(str(sweep_file(tmp_path, body)), BASE, ROOT, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.py"]


def test_a_field_set_by_both_is_refused(tmp_path):
    base = Base(BASE.config, BASE.reference, {"seed": 3})
    with pytest.raises(SweepError, match="sets seed, and so does the command line"):
        plan(str(sweep_file(tmp_path, "add(seed=1)")), base, ROOT, None)


def test_without_any_config_it_says_what_to_give(tmp_path):
    with pytest.raises(SweepError, match="names no config file; expected --config FILE"):
        plan(str(sweep_file(tmp_path, "add(seed=1)")), Base(), ROOT, None)


def test_runs_that_the_folder_lists_keep_their_names(tmp_path):
    """A sweep over lambda that is extended by seeds finds the runs it had, of seed 0, though they would now be called
    otherwise."""
    once = "for s in (0.1, 0.5):\n    add({'model.map_scale': s})"
    file = str(sweep_file(tmp_path, once))
    write_listing(tmp_path, file, plan(file, BASE, ROOT, tmp_path))
    assert listed(tmp_path) == ["map_scale=0.1", "map_scale=0.5"]
    later = "for seed in (0, 1):\n    for s in (0.1, 0.5):\n        add({'model.map_scale': s}, seed=seed)"
    names = [run.name for run in plan(str(sweep_file(tmp_path, later)), BASE, ROOT, tmp_path)]
    assert names == ["map_scale=0.1", "map_scale=0.5", "map_scale=0.1,seed=1", "map_scale=0.5,seed=1"]


def write(tmp_path, body):
    """Plans a sweep and lists it; the names of its runs."""
    file = str(sweep_file(tmp_path, body))
    runs = plan(file, BASE, ROOT, tmp_path)
    write_listing(tmp_path, file, runs)
    return [run.name for run in runs]


LAMBDA = "for s in (0.1, 0.5):\n    add({'model.map_scale': s})"
SEEDS = "for seed in (0, 1):\n    for s in (0.1, 0.5):\n        add({'model.map_scale': s}, seed=seed)"


def test_names_outlive_another_sweep_in_the_folder(tmp_path):
    write(tmp_path, LAMBDA)
    names = write(tmp_path, SEEDS)
    assert names[:2] == ["map_scale=0.1", "map_scale=0.5"]
    write(tmp_path, "add({'train.batch_size': 4})\nadd({'train.batch_size': 6})")
    assert write(tmp_path, SEEDS) == names
    assert listed(tmp_path) == [*names, "batch_size=4", "batch_size=6"]


def test_a_part_of_a_sweep_leaves_the_rest_in_the_list(tmp_path):
    write(tmp_path, LAMBDA)
    write(tmp_path, "add({'model.map_scale': 0.5})")
    assert sorted(listed(tmp_path)) == ["map_scale=0.1", "map_scale=0.5"]
    # A run that was changed before it began takes the place of the old one.
    write(tmp_path, "for s in (0.1, 0.5):\n    add({'model.map_scale': s, 'train.epochs': 3})")
    assert sorted(listed(tmp_path)) == ["map_scale=0.1", "map_scale=0.5"]
    stored = json.loads((tmp_path / "sweep.json").read_text())["runs"]
    assert {run["config"]["train"]["epochs"] for run in stored} == {3}


def test_two_sweeps_that_start_at_once_are_both_listed(tmp_path):
    """The one that comes second waits until the first has written, and then reads what it wrote."""
    second = str(sweep_file(tmp_path, "add({'train.batch_size': 4})"))
    planned = plan(second, BASE, ROOT, tmp_path)
    held = lock.take(tmp_path)
    waiting = threading.Thread(target=write_listing, args=(tmp_path, second, planned))
    waiting.start()
    # What the first one writes while it has the lock.
    elsewhere = tmp_path / "first"
    first = str(sweep_file(tmp_path, LAMBDA))
    write_listing(elsewhere, first, plan(first, BASE, ROOT, elsewhere))
    shutil.copy(elsewhere / "sweep.json", tmp_path)
    assert listed(tmp_path) == ["map_scale=0.1", "map_scale=0.5"]
    held.release()
    waiting.join()
    assert sorted(listed(tmp_path)) == ["batch_size=4", "map_scale=0.1", "map_scale=0.5"]


def test_moved_files_leave_the_names_as_they_are(tmp_path):
    """Also names of an older version, of which the path was a part."""
    body = "for s in (0.1, 0.5):\n    add({{'model.map_scale': s, 'data.data_dir': '{}'}})"
    names = write(tmp_path, body.format("/old"))
    assert names == ["map_scale=0.1", "map_scale=0.5"]
    listing = tmp_path / "sweep.json"
    listing.write_text(listing.read_text().replace("map_scale=0.1", "map_scale=0.1,data_dir=_old"))
    assert write(tmp_path, body.format("/new")) == ["map_scale=0.1,data_dir=_old", "map_scale=0.5"]


@pytest.mark.parametrize("folder", ["{tmp}/sweep.py", "{tmp}/sweep.py/runs", "/proc/runs"])
def test_a_folder_that_cannot_be_written_is_told(tmp_path, folder):
    file = str(sweep_file(tmp_path, LAMBDA))
    where = Path(folder.format(tmp=tmp_path))
    runs = plan(file, BASE, ROOT, where)
    with pytest.raises(SweepError, match=rf"{where}: cannot write there \(.+\), expected write permission"):
        write_listing(where, file, runs)


def test_a_run_of_another_config_in_the_folder_is_refused(tmp_path):
    config = rem.get_config("demo")
    config.model.map_scale = 0.7
    workdir = open_workdir(tmp_path / "map_scale=0.1", config, "python launch.py")
    file = str(sweep_file(tmp_path, "for s in (0.1, 0.5):\n    add({'model.map_scale': s})"))
    plan(file, BASE, ROOT, tmp_path)  # no step was taken: another config may begin there
    (workdir.checkpoints / "12").mkdir(parents=True)
    with pytest.raises(SweepError, match=r"holds a run of another config .*model\.map_scale: 0\.7 there, 0\.1 now"):
        plan(file, BASE, ROOT, tmp_path)


def test_a_listing_that_is_none_is_refused(tmp_path):
    (tmp_path / "sweep.json").write_text(json.dumps([1]))
    with pytest.raises(SweepError, match=r"sweep.json: not a list of runs"):
        plan(str(sweep_file(tmp_path, "add(seed=1)")), BASE, ROOT, tmp_path)
