"""Set-up shared by every test: four virtual devices, shape-checked functions, real images where they are at hand."""

import os
import tempfile
from pathlib import Path

# Before jax starts: data-parallel tests need several devices, and one device count for the whole session.
# Programs run for moments and compile for long, so LLVM need not try hard.
_FLAGS = "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_FLAGS}"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The same program is compiled once in a session, also by pytest's workers and the processes that tests start.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    _CACHE = tempfile.TemporaryDirectory(prefix="busjax-tests-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _CACHE.name
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.5"

import pytest  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

import tests.shape_checks  # noqa: E402, F401

install_import_hook(["busjax", "tfds_builders"], "tests.shape_checks.checked").__enter__()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images named by BUSJAX_REAL_DATA; the test is skipped without it."""
    folder = os.environ.get("BUSJAX_REAL_DATA")
    if not folder:
        pytest.skip("BUSJAX_REAL_DATA is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def phantom_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data_dir in which the phantom is built, with few cases."""
    from tfds_builders.phantom.phantom import Phantom
    from tfds_builders.reading import prepare

    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Phantom, "CASES", 48)
        prepare("phantom", folder)
    return folder
