"""How devices and cores are shared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busjax.sweeps.devices import places, visible_gpus
from busjax.sweeps.errors import SweepError


@given(st.integers(1, 12), st.integers(1, 40))
def test_cores_are_shared_out(jobs, cores):
    """Every core is used, by one run only where there are enough; shares differ by one core at most."""
    shares = [place.cpus for place in places(jobs, [], list(range(cores)))]
    assert len(shares) == jobs
    used = [cpu for share in shares for cpu in share]
    assert set(used) == set(range(min(cores, max(jobs, cores))))
    assert len(used) == max(cores, jobs)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert min(map(len, shares)) >= 1


def test_each_run_sees_one_gpu():
    found = places(0, ["0", "3"], [0, 1, 2, 3])
    assert [place.environment for place in found] == [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "3"}]
    assert [place.cpus for place in found] == [(0, 2), (1, 3)]
    assert [place.gpu for place in places(1, ["0", "3"], [0])] == ["0"]


def test_without_gpus_one_run_has_all_cores():
    (place,) = places(0, [], [4, 5])
    assert (place.cpus, place.environment) == ((4, 5), {})


def test_more_runs_than_gpus_are_refused():
    with pytest.raises(SweepError, match=r"--jobs 3: found 2 GPUs \(0, 1\), expected at most one run on each"):
        places(3, ["0", "1"], [0])
    with pytest.raises(SweepError, match="--jobs -1: expected 1 or more"):
        places(-1, [], [0])


@pytest.mark.parametrize(
    ("environment", "gpus"),
    [
        ({"CUDA_VISIBLE_DEVICES": "2,GPU-abc"}, ["2", "GPU-abc"]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, []),
        ({"CUDA_VISIBLE_DEVICES": "2", "JAX_PLATFORMS": "cpu"}, []),
        ({"CUDA_VISIBLE_DEVICES": "2", "JAX_PLATFORMS": "cuda,cpu"}, ["2"]),
    ],
)
def test_which_gpus_there_are(environment, gpus):
    assert visible_gpus(environment) == gpus
