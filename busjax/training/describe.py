"""What a config would train: networks, parameters, shapes, operations. Trains nothing and reads no data."""

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
from rich.console import Console
from rich.table import Table

from busjax.methods import COMBINED, SINGLE, Method, make_method
from busjax.methods.fusion import descriptor_shape
from busjax.training import parallel
from busjax.training.optimizers import make_optimizer
from busjax.training.releases import settle_releases

GIGA = 1e9


def describe(config: ConfigDict, console: Console) -> None:
    """Prints a table for each network, and the operations of a training step."""
    config = settle_releases(config)
    # Unrolled, for XLA counts the operations of a loop once, however often it turns.
    method = make_method(config, make_optimizer(config.optimizer, steps=1), unroll_blocks=True)
    for name, network in method.networks.items():
        console.print(_network_table(name, network, config, _inputs(name, method, config.data.image_size)))
    mesh = parallel.make_mesh(jax.devices()[:1])
    flops = step_operations(method, mesh, config.data.image_size, config.train.batch_size)
    console.print(
        f"one training step on {config.train.batch_size} images of {config.data.image_size} pixels: at most "
        f"{flops / GIGA:.1f} GFLOP (multiply and add counted as two)"
    )


def network_title(config: ConfigDict, name: str) -> str:
    """A network of a config, settled by its releases, in words."""
    own = config.model[name]
    if name == COMBINED:
        return f"fusion network {'-'.join(map(str, own.widths))}"
    if config.method == "autoencoding":
        return f"denoising autoencoder {'-'.join(map(str, (config.data.image_size**2, *own.widths)))}"
    return f"{own.architecture} with {own.backbone}" if config.method == "multitask" else own.backbone


def parameter_count(tree: Any) -> int:
    """Number of values in a tree of arrays or shapes."""
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def abstract_batch(batch_size: int, size: int) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes and types of a training batch."""
    one = {"label": jnp.int32, "solid": jnp.int32, "index": jnp.int32, "weight": jnp.float32, "has_mask": jnp.bool_}
    batch = {name: jax.ShapeDtypeStruct((batch_size,), dtype) for name, dtype in one.items()}
    batch["partner"] = jax.ShapeDtypeStruct((batch_size, size, size, 3), jnp.float32)  # of pairs
    batch["extra"] = jax.ShapeDtypeStruct((batch_size, 3), jnp.float32)  # of lesions' patches
    pixels = {"image": 3, "mask": 1}
    shapes = {name: (batch_size, size, size, channels) for name, channels in pixels.items()}
    return {**batch, **{name: jax.ShapeDtypeStruct(shape, jnp.float32) for name, shape in shapes.items()}}


def step_operations(method: Method, mesh: jax.sharding.Mesh, size: int, batch_size: int, **fixed: Any) -> float:
    """XLA's count of a training step's floating-point operations, before optimisation.

    Args:
      method: whose step.
      mesh: of one device.
      size: of images in pixels.
      batch_size: images in the batch.
      **fixed: further arguments of the step, known at compilation.
    """
    state = jax.eval_shape(lambda key: method.init(key, size), jax.random.PRNGKey(0))
    step: Any = parallel.map_train_step(lambda s, b: method.train_step(s, b, **fixed), mesh)
    return step.lower(state, abstract_batch(batch_size, size)).cost_analysis()["flops"]


def _inputs(name: str, method: Method, size: int) -> list[jax.ShapeDtypeStruct]:
    """What a network takes: an image, or of the fusion network a descriptor of each modality."""
    image = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    if name != COMBINED:
        return [image]
    singles: list[Any] = [method.networks[single] for single in SINGLE]
    return [descriptor_shape(network, size) for network in singles]


def _network_table(name: str, network: Any, config: ConfigDict, inputs: list[jax.ShapeDtypeStruct]) -> Table:
    variables = jax.eval_shape(network.init, jax.random.PRNGKey(0), *inputs)
    _, recorded = jax.eval_shape(
        lambda v, *x: network.apply(v, *x, mutable=["intermediates", "batch_stats"], capture_intermediates=_is_stage),
        variables,
        *inputs,
    )
    params, shapes = variables["params"], recorded["intermediates"]
    takes = " and ".join("x".join(map(str, one.shape[1:])) for one in inputs)
    table = Table(title=f"{name}: {network_title(config, name)}, input {takes}")
    for heading in ("part", "parameters", "output"):
        table.add_column(heading, justify="left" if heading == "part" else "right")
    for part, tree in params.items():
        table.add_row(part, f"{parameter_count(tree):,}", _shape(shapes.get(part, {})), style="bold")
        for stage, subtree in tree.items():
            if isinstance(subtree, dict) and part != "classifier":
                table.add_row(
                    f"  {stage}", f"{parameter_count(subtree):,}", _shape(shapes.get(part, {}).get(stage, {}))
                )
    table.add_row("all", f"{parameter_count(params):,}", "", style="bold")
    return table


def _is_stage(module: Any, method: str) -> bool:
    return method == "__call__" and 1 <= len(module.path) <= 2


def _shape(recorded: Any) -> str:
    """Height x width x channels of a part's output; of a part that is used several times, the first."""
    outputs = jax.tree.leaves(recorded.get("__call__", ()))
    return "x".join(map(str, outputs[0].shape[1:])) if outputs else ""
