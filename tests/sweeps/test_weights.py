"""A run from other weights is not taken for that of a config, wherever the files are."""

import hashlib
import io
import json

import pytest
from rich.console import Console

from busjax.sweeps.devices import Place
from busjax.sweeps.local import run_locally
from busjax.sweeps.plan import PlannedRun
from busjax.sweeps.status import State, resting_status
from busjax.training.config import to_json
from busjax.training.workdir import open_workdir
from configs import benchmark
from tests.sweeps.conftest import starts
from tests.sweeps.test_status import RESULTS


def config_of(path):
    config = benchmark.get_config("small")
    config.pretrained.path = str(path)
    return config


def note(folder, content, algorithm="sha256"):
    """What training notes of the weights it loaded."""
    loaded = {"release": "keras/mobilenet_0.75", "file": "/once/there.h5", "differs_from_published": True}
    checksum = f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
    (folder / "pretrained.json").write_text(json.dumps({"net": {**loaded, "checksum": checksum}}))


@pytest.fixture
def finished(tmp_path):
    """The folder of a finished run from the weights b'ours'."""
    workdir = open_workdir(tmp_path / "run", config_of(tmp_path / "there.h5"), "python launch.py")
    workdir.results.write_text(RESULTS)
    note(workdir.path, b"ours")
    return workdir.path


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_weights_that_were_moved_are_the_same(tmp_path, finished, algorithm):
    note(finished, b"ours", algorithm)
    for path in (tmp_path / "moved.h5", tmp_path / "gone.h5", ""):
        if str(path).endswith("moved.h5"):
            path.write_bytes(b"ours")
        assert resting_status(finished, to_json(config_of(path))).state is State.FINISHED


def test_other_weights_are_an_error_of_the_run(tmp_path, finished, stand_in):
    """Of a finished run and of one with a checkpoint; neither accepted, nor trained again."""
    other = tmp_path / "other.h5"
    other.write_bytes(b"theirs")
    values = to_json(config_of(other))
    status = resting_status(finished, values)
    assert (status.state, status.lasting) == (State.FAILED, True)
    for part in ("run: holds a run from other weights (net: sha256:", hashlib.sha256(b"ours").hexdigest(), "other.h5"):
        assert part in status.note
    (finished / "results.json").unlink()
    assert not resting_status(finished, values).lasting  # no step was taken: it begins with the others
    (finished / "checkpoints" / "12").mkdir(parents=True)
    assert resting_status(finished, values).lasting

    told = io.StringIO()
    run = PlannedRun("run", "benchmark.py", {}, values)
    console = Console(file=told, width=500)
    outcomes, _ = run_locally([run], tmp_path, [Place(())], stand_in, console)
    assert outcomes["run"] == status
    assert "run: failed: " in told.getvalue()
    with pytest.raises(FileNotFoundError):
        starts(finished)


def test_a_file_that_is_replaced_is_read_again(tmp_path, finished):
    here = tmp_path / "here.h5"
    values = to_json(config_of(here))
    for content, state in ((b"ours", State.FINISHED), (b"theirs", State.FAILED), (b"ours", State.FINISHED)):
        here.write_bytes(content)
        assert resting_status(finished, values).state is state
