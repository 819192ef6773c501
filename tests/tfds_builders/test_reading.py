import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tfds_builders.phantom.phantom import Phantom
from tfds_builders.reading import BUSDataset, default_data_dir, open_dataset, prepare
from tfds_builders.record import DatasetError

PROJECT = Path(__file__).parents[2]


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=120)


def test_unknown_name_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError,
        match=r"unknown dataset 'bus-bra'; did you mean 'bus_bra'\? \(known: breast_lesions_usg, bus_benchmark",
    ):
        prepare("bus-bra", tmp_path)


def test_dataset_that_is_not_built(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        open_dataset("busi", tmp_path)
    message = str(caught.value)
    assert str(tmp_path / "busi" / "1.1.0") in message
    assert "https://scholar.cu.edu.eg" in message
    assert "python -m tfds_builders busi --manual_dir DIR --data_dir DIR" in message


def test_random_access(phantom: BUSDataset) -> None:
    last = phantom[len(phantom) - 1]
    assert last["image_id"] == phantom.table.image_id[-1]
    assert {name: type(value) for name, value in last.items()} == {
        **dict.fromkeys(("image", "mask"), np.ndarray),
        **dict.fromkeys(("label", "solid", "fold", "mask_height", "mask_width"), int),
        **dict.fromkeys(("image_id", "case_id", "birads", "histology", "device", "modality", "view"), str),
        "has_mask": bool,
    }
    assert phantom[np.int64(3)]["image_id"] == phantom.table.image_id[3]
    for outside in (-1, len(phantom)):
        with pytest.raises(IndexError, match=f"phantom: index {outside} is outside 0"):
            phantom[outside]


def test_table_agrees_with_the_records(phantom: BUSDataset) -> None:
    table = phantom.table
    assert len(table) == len(phantom)
    for index in range(0, len(phantom), 41):
        example = phantom[index]
        assert example["image"].shape == (table.height[index], table.width[index], 3)
        assert example["mask"].shape == (table.height[index], table.width[index], 1)
        for name in ("image_id", "case_id", "label", "solid", "fold", "has_mask", "birads", "histology", "device"):
            assert getattr(table, name)[index] == example[name], name


def test_pickled_copy_and_threads_read_the_same(phantom: BUSDataset) -> None:
    copy: BUSDataset = pickle.loads(pickle.dumps(phantom))
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(copy.__getitem__, range(40)))
    for index, example in enumerate(read):
        np.testing.assert_array_equal(example["image"], phantom[index]["image"])


def test_default_folder_is_that_of_tfds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert default_data_dir() == tmp_path
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert default_data_dir() == Path.home() / "tensorflow_datasets"


def test_build_and_read_without_tensorflow(bus_bra_release: Path, tmp_path: Path) -> None:
    done = run_python(
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "find = PathFinder.find_spec\n"
        "def find_others(name, path=None, target=None):\n"
        "    return None if name.split('.')[0] == 'tensorflow' else find(name, path, target)\n"
        "PathFinder.find_spec = find_others\n"
        "from tfds_builders.reading import prepare\n"
        "ds = prepare('bus_bra', sys.argv[1], sys.argv[2])\n"
        "try: import tensorflow\n"
        "except ModuleNotFoundError: print('no TensorFlow')\n"
        "print(len(ds), ds[4]['image'].shape, ds.table.solid.tolist()[:5])",
        str(tmp_path / "data"),
        str(bus_bra_release),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "no TensorFlow\n32 (58, 44, 3) [1, 1, 0, 1, -1]\n"


def test_importing_the_package_is_light() -> None:
    done = run_python(
        "import sys, tfds_builders; print([m for m in ('tensorflow_datasets', 'jax') if m in sys.modules])"
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_killed_build_leaves_nothing_that_looks_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run_python(
        "import os, signal, sys\n"
        "from tfds_builders.phantom import phantom\n"
        "from tfds_builders.reading import prepare\n"
        "simulate = phantom.simulate_case\n"
        "def killed(seed, case):\n"
        "    if case == 3: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return simulate(seed, case)\n"
        "phantom.simulate_case = killed\n"
        "prepare('phantom', sys.argv[1])",
        str(tmp_path),
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert os.listdir(tmp_path / "phantom")  # it had begun
    with pytest.raises(DatasetError, match="phantom is not built"):
        open_dataset("phantom", tmp_path)
    monkeypatch.setattr(Phantom, "CASES", 4)
    built = prepare("phantom", tmp_path)
    assert len(set(built.table.case_id)) == 4


def test_failed_build_can_be_repeated(bus_bra_release: Path, tmp_path: Path) -> None:
    image = bus_bra_release / "BUSBRA" / "Images" / "bus_0010-s.png"
    whole = image.read_bytes()
    image.write_bytes(whole[:200])
    with pytest.raises(DatasetError, match="not a whole image file"):
        prepare("bus_bra", tmp_path / "data", bus_bra_release)
    image.write_bytes(whole)
    assert len(prepare("bus_bra", tmp_path / "data", bus_bra_release)) == 32
    # Once built, the release is not needed; a folder that is named must still be there, and be as it was.
    assert len(prepare("bus_bra", tmp_path / "data")) == 32
    with pytest.raises(DatasetError, match=r"bus_bra: the folder .*gone does not exist"):
        prepare("bus_bra", tmp_path / "data", tmp_path / "gone")
    image.unlink()
    with pytest.raises(DatasetError, match=r"built from other files .*: BUSBRA had 66 files, \d+ bytes, now 65 files"):
        prepare("bus_bra", tmp_path / "data", bus_bra_release)


def test_data_dir_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match=r"data_dir .*file is a file, expected a folder"):
        prepare("phantom", tmp_path / "file")


def test_two_processes_may_build_at_once(bus_bra_release: Path, tmp_path: Path) -> None:
    code = "import sys; from tfds_builders.reading import prepare; print(len(prepare('bus_bra', *sys.argv[1:])))"
    with ThreadPoolExecutor(2) as pool:
        started = [pool.submit(run_python, code, str(tmp_path / "data"), str(bus_bra_release)) for _ in range(2)]
    for done in (future.result() for future in started):
        assert (done.returncode, done.stdout) == (0, "32\n"), done.stderr


def test_relative_folder_survives_a_change_of_directory(
    bus_bra_release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(prepare("bus_bra", "data", bus_bra_release.relative_to(tmp_path)))
    monkeypatch.chdir("/")
    assert len(pickle.loads(pickled)) == 32
