"""The folder of a run."""

import json

import pytest

from busjax.training.config import ConfigError, to_json
from busjax.training.workdir import WorkdirError, open_workdir, read_workdir
from configs import rem


def test_the_config_comes_back_with_its_facts(tmp_path):
    open_workdir(tmp_path / "run", rem.get_config("small"), "python launch.py --config x")
    workdir, config, facts = read_workdir(tmp_path / "run")
    assert to_json(config) == to_json(rem.get_config("small"))
    (launch,) = facts["launches"]
    assert launch["command"] == "python launch.py --config x"
    assert launch["versions"]["jax"]
    assert json.loads(workdir.config.read_text())["config"]["data"]["name"] == "bus_bra"


def test_every_launch_of_a_begun_run_is_remembered(tmp_path):
    open_workdir(tmp_path, rem.get_config(), "never begun")
    open_workdir(tmp_path, rem.get_config(), "first")
    (tmp_path / "checkpoints" / "12").mkdir(parents=True)
    open_workdir(tmp_path, rem.get_config(), "second")
    open_workdir(tmp_path, rem.get_config(), "second")
    assert [launch["command"] for launch in read_workdir(tmp_path)[2]["launches"]] == ["first", "second"]


def test_a_run_of_another_config_is_refused_and_left_alone(tmp_path):
    open_workdir(tmp_path, rem.get_config(), "never begun")
    open_workdir(tmp_path, rem.get_config("small"), "corrected")
    open_workdir(tmp_path, rem.get_config(), "first")
    (tmp_path / "checkpoints" / "12").mkdir(parents=True)
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(ConfigError, match=r"holds a run of another config \(.*data.image_size: 299 there, 139 now"):
        open_workdir(tmp_path, rem.get_config("small"), "second")
    assert (tmp_path / "config.json").read_bytes() == before


def test_a_folder_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(WorkdirError, match=r"--workdir .*file: cannot write there \(.*expected a folder"):
        open_workdir(blocked, rem.get_config(), "")


def test_no_run_or_a_broken_one(tmp_path):
    with pytest.raises(WorkdirError, match=r"config.json: no such file; expected the config of a run"):
        read_workdir(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WorkdirError, match=r"config.json: not JSON"):
        read_workdir(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(WorkdirError, match=r"found no fields 'config' and 'launches'"):
        read_workdir(tmp_path)
