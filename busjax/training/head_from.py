"""The head of a finished run as the start of another: fine-tuning stacked on a classifier of stored features."""

import json
from collections.abc import Callable
from typing import Any

import jax
from flax.traverse_util import flatten_dict
from ml_collections import ConfigDict

from busjax.data.split_files import listed_cases
from busjax.methods import make_method, network_names
from busjax.methods.state import NetworkState, TrainState
from busjax.names import image_of
from busjax.training import parallel
from busjax.training.checkpoints import Checkpoints
from busjax.training.errors import ConfigError
from busjax.training.features import HEAD
from busjax.training.optimizers import make_optimizer
from busjax.training.releases import settle_releases
from busjax.training.run_data import RunData
from busjax.training.workdir import Workdir, WorkdirError, read_workdir

# A head fits the features of images that were prepared alike, and what it has seen can be told of the same datasets.
SAME = ("name", "train", "test", "groups", "image_size", "resize", "pixels", "grey", "despeckle")


def take_head(
    state: TrainState, config: ConfigDict, data: RunData, mesh: jax.sharding.Mesh, checksum: str
) -> tuple[TrainState, dict[str, Any]]:
    """A first state with the head (hidden layers and last layer) of the best checkpoint of another run.

    Args:
      state: of the run, of one network.
      config: of the run; `pretrained.head_from` is the other run's work directory.
      data: of the run.
      mesh: its devices.
      checksum: of the file of released weights that `state` has.

    Returns:
      The state, and what was taken: head_from, head_step, head_metric (the value it was chosen by).

    Raises:
      ConfigError: there is no finished run, it answers another question, starts from another release or another file
        of it, has images prepared otherwise or a head of another shape, or has seen images that this run validates or
        tests on.
      CheckpointError: it has no best checkpoint.
    """
    path = config.pretrained.head_from
    try:
        source, theirs, _ = read_workdir(path)
    except WorkdirError as error:
        raise ConfigError(f"pretrained.head_from: {error}") from None
    if not source.results.exists():
        raise ConfigError(f"pretrained.head_from: {source.results}: no such file; expected a finished run")
    name, other = network_names(config)[0], network_names(theirs)[0]
    for field, found, expected in (
        ("method", theirs.method, config.method),
        ("task", theirs.model[other].task, config.model[name].task),
        ("release", theirs.pretrained.release, config.pretrained.release),
    ):
        if found != expected:
            raise ConfigError(f"pretrained.head_from: {path} has the {field} {found!r}, expected {expected!r}")
    if (started := _checksum(source, other, path)) != checksum:
        raise ConfigError(
            f"pretrained.head_from: {path} has started from the weights {started}, expected {checksum} as this run "
            f"has, though both are called {config.pretrained.release!r} (pretrained.path)"
        )
    for field in SAME:
        found, expected = (
            tuple(v) if isinstance(v := data_of[field], list) else v for data_of in (theirs.data, config.data)
        )
        if found != expected:
            raise ConfigError(
                f"pretrained.head_from: {path} has the data.{field} {found!r}, expected {expected!r} as in this run"
            )
    _refuse_seen(source, theirs.data.split, data, path)
    params, told = _best(source, theirs, other, mesh)
    ours = state.networks[name]
    shapes = [
        {"/".join(key): leaf.shape for key, leaf in flatten_dict(tree).items() if key[0] in HEAD}
        for tree in (params, ours.params)
    ]
    for leaf in sorted(shapes[0].keys() | shapes[1].keys()):
        there, here = (str(shape.get(leaf, "missing")) for shape in shapes)
        if there != here:
            raise ConfigError(f"pretrained.head_from: {leaf} of {path} is {there}, expected {here}, as in this run")
    taken = {part: params[part] for part in HEAD if part in params}
    network = NetworkState({**ours.params, **taken}, ours.batch_stats, ours.opt_state)
    return TrainState(state.step, state.key, {name: network}), {"head_from": str(source.path), **told}


def _checksum(source: Workdir, name: str, path: str) -> str:
    """The checksum of the released weights that the other run has started from."""
    try:
        return str(json.loads(source.pretrained.read_text(encoding="utf-8"))[name]["checksum"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigError(
            f"pretrained.head_from: {source.pretrained}: found no checksum of the weights of {name!r}, expected that "
            f"of the file which {path} has started from"
        ) from None


def _best(source: Workdir, config: ConfigDict, name: str, mesh: jax.sharding.Mesh) -> tuple[Any, dict[str, Any]]:
    """The parameters of the best checkpoint, and its step and metric."""
    method = make_method(settle_releases(config), make_optimizer(config.optimizer, 1))
    checkpoints = Checkpoints(source.checkpoints, method.selectors, config.selection.mode)
    try:
        step, value = checkpoints.best(method.selectors[0])
        state = checkpoints.restore(step, parallel.abstract_state(method.init, config.data.image_size, mesh))
    finally:
        checkpoints.close()
    return state.networks[name].params, {"head_step": step, "head_metric": value}


def _refuse_seen(source: Workdir, protocol: str, data: RunData, path: str) -> None:
    """Checks that the other run has neither learned from nor been chosen by what this one validates or tests on.

    By case, and by image too: another grouping of near-duplicates gives the same images other cases.
    """
    split, table = data.split, data.dataset.table
    # Where images or versions are divided one by one, cases are on both sides of either run by intent; where versions
    # are, so are images.
    versions = split.protocol == protocol == "augmented_image"
    compared: dict[str, tuple[int, Any, Callable[[str], str]]] = {}
    if not split.leaks_patients:
        compared["cases"] = (1, table.case_id, str)
    compared["images"] = (0, table.image_id, str if versions else image_of)
    listed = {part: listed_cases(source.splits, part) for part in ("train", "val")}
    for part, rows, earlier in (("validation", split.val, ("train",)), ("test", split.test, ("train", "val"))):
        for what, (column, names, named) in compared.items():
            seen = {named(row[column]) for other in earlier for row in listed[other]}
            if shared := sorted(seen & {named(name) for name in names[rows].tolist()}):
                raise ConfigError(
                    f"pretrained.head_from: {path} has seen {len(shared)} {what} of this run's {part} part, such as "
                    f"{shared[0]!r}; expected a run on the same split (data.split, data.shares, data.split_seed)"
                )
