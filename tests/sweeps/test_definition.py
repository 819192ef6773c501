"""What sweep files may say, how their runs are called, and what is refused."""

import re

import pytest

from busjax.sweeps.definition import read_sweep
from busjax.sweeps.errors import SweepError
from busjax.sweeps.naming import LONGEST, run_names


def sweep_file(tmp_path, body, head="def sweep(add):"):
    file = tmp_path / "sweep.py"
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    file.write_text(f"{head}\n{lines}\n")
    return file


def test_the_ways_to_add_a_run(tmp_path):
    body = """add(seed=1)
add({"model.map_scale": 0.1}, seed=2)
add("configs/basic.py:small", {"data": {"fold": 3, "name": ("busi",)}})
add()"""
    assert read_sweep(str(sweep_file(tmp_path, body))) == [
        ("", {"seed": 1}),
        ("", {"model.map_scale": 0.1, "seed": 2}),
        ("configs/basic.py:small", {"data.fold": 3, "data.name": ("busi",)}),
        ("", {}),
    ]


def test_a_variant_reaches_a_sweep_that_takes_one(tmp_path):
    file = sweep_file(tmp_path, "add(seed=len(variant))", head="def sweep(add, variant):")
    assert read_sweep(f"{file}:small") == [("", {"seed": 5})]
    assert read_sweep(str(file)) == [("", {"seed": 0})]


@pytest.mark.parametrize(
    ("body", "head", "message"),
    [
        ("pass", "def sweep(add):", "sweep.py: sweep(add) added no run"),
        ("pass", "def sweeep(add):", "sweep.py: found no function 'sweep', expected sweep(add)"),
        ("add(1)", "def sweep(add):", "sweep.py: add() got 1, expected add("),
        ("add({'seed': 1}, seed=2)", "def sweep(add):", "sweep.py: add() got the field 'seed' twice"),
        ("add(seed=1)\n1 / 0", "def sweep(add):", "sweep.py, line 3: ZeroDivisionError: division by zero"),
        ("add(seed=", "def sweep(add):", "sweep.py, line 2: SyntaxError"),
        ("add(seed=1)\nexit(3)", "def sweep(add):", "sweep.py, line 3: SystemExit: 3"),
    ],
)
def test_what_is_refused(tmp_path, body, head, message):
    file = sweep_file(tmp_path, body, head)
    with pytest.raises(SweepError, match=re.escape(message)):
        read_sweep(str(file))


def test_a_variant_that_nothing_takes_is_refused(tmp_path):
    with pytest.raises(SweepError, match="found the variant 'small', expected none"):
        read_sweep(f"{sweep_file(tmp_path, 'add(seed=1)')}:small")


def test_a_missing_file_is_named():
    with pytest.raises(SweepError, match=r"nowhere/sweep\.py: no such file"):
        read_sweep("nowhere/sweep.py")


@pytest.mark.parametrize(
    ("requests", "names"),
    [
        # What all runs set alike is no part of a name.
        (
            [("", {"train.epochs": 5, "model.map_scale": 0.1}), ("", {"train.epochs": 5, "model.map_scale": 1e-5})],
            ["map_scale=0.1", "map_scale=1e-05"],
        ),
        # Two fields that end in the same word are told apart.
        (
            [
                ("", {"optimizer.name": "adam", "data.name": "a"}),
                ("", {"optimizer.name": "adadelta", "data.name": "b"}),
            ],
            ["optimizer.name=adam,data.name=a", "optimizer.name=adadelta,data.name=b"],
        ),
        # One file: its variants. Several: their names too.
        ([("c/a.py:x,small", {}), ("c/a.py", {"seed": 1})], ["x,small", "full,seed=1"]),
        ([("c/a.py:x", {}), ("c/b.py:x", {}), ("", {})], ["a.x", "b.x", "base"]),
        ([("", {}), ("", {"data.name": ("busi", "bus_bra")})], ["base", "data.name=busi+bus_bra"]),
        ([("", {"data.groups": "a/b c.csv"}), ("", {"data.groups": ""})], ["groups=a_b_c.csv", "groups=none"]),
        ([("c/a.py:x", {"seed": 1})], ["seed=1"]),
        # What changes no result, such as where a file is, is in no name.
        (
            [("", {"pretrained.path": "a.h5", "seed": 1}), ("", {"data.data_dir": "/d", "seed": 2})],
            ["seed=1", "seed=2"],
        ),
        ([("", {"pretrained.path": "a.h5"})], ["base"]),
        (
            [("", {"pretrained.mt.release": "a"}), ("", {"pretrained.sn.release": "b"})],
            ["mt.release=a", "sn.release=b"],
        ),
    ],
)
def test_names_are_made_of_what_differs(requests, names):
    assert run_names(requests) == names


def test_long_names_stay_apart_and_fit_into_a_folder():
    requests = [("", {"data.groups": "x" * 300 + end}) for end in "ab"]
    names = run_names(requests)
    assert len(set(names)) == 2
    assert all(len(name) <= LONGEST for name in names)
