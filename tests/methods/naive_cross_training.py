"""Algorithm 1 of Qi et al. 2019 written down literally, pass by pass, on one device: the reference.

Every pass runs a whole network from its inputs; a blank map is a whole batch of zeros; losses, keys and AdaDelta are
written out. Nothing of busjax.methods or busjax.training is used but the state's container.
"""

import jax
import jax.numpy as jnp

from busjax.methods.state import NetworkState, TrainState
from busjax.models.class_activation import class_activation_map

RHO, EPS, DECAY = 0.9, 1e-5, 1e-4


def forward(network, params, stats, image, cam, train, keys=None):
    """logits, CAM features, and the running statistics left by a pass with gradient: a blank map leaves none."""

    def part(stats, name, *args):
        variables = {"params": params, "batch_stats": stats}
        out, new = network.apply(variables, *args, train=train, method=name, mutable=["batch_stats"])
        return out, new["batch_stats"]

    blank = cam is None
    features, stats = part(stats, "image_features", image)
    maps, with_map = part(stats, "map_features", jnp.zeros(image.shape[:3]) if blank else cam)
    stats = stats if blank else with_map
    outputs, stats = part(stats, "classify", features + network.map_scale * maps, keys)
    return outputs, stats


def cam_of(network, params, stats, image, cam, train):
    outputs, _ = forward(network, params, stats, image, cam, train)
    low = class_activation_map(outputs.features, params["classifier"]["kernel"], outputs.logits)
    return jax.lax.stop_gradient(jax.image.resize(low, image.shape[:3], "bilinear"))


def update(network, state: NetworkState, image, cam, target, weight, keys, train) -> NetworkState:
    def loss(params):
        outputs, stats = forward(network, params, state.batch_stats, image, cam, train, keys)
        p = jax.nn.softmax(outputs.logits)
        each = -jnp.log(p[jnp.arange(len(target)), jnp.maximum(target, 0)])
        counts = weight * (target >= 0)
        return (each * counts).sum() / counts.sum(), stats

    gradients, stats = jax.grad(loss, has_aux=True)(state.params)
    old = state.opt_state[0]
    flat, tree = jax.tree_util.tree_flatten_with_path(state.params)
    new_params, new_v, new_u = [], [], []
    for (path, w), g, v, u in zip(flat, *map(jax.tree.leaves, (gradients, old.e_g, old.e_x)), strict=True):
        v = RHO * v + (1 - RHO) * g**2
        d = jnp.sqrt(u + EPS) / jnp.sqrt(v + EPS) * g
        u = RHO * u + (1 - RHO) * d**2
        decay = DECAY if path[-1].key in ("kernel", "scale") else 0.0
        new_params.append(w - d - decay * w)
        new_v.append(v)
        new_u.append(u)
    rebuild = lambda leaves: jax.tree_util.tree_unflatten(tree, leaves)  # noqa: E731
    opt_state = (old._replace(e_g=rebuild(new_v), e_x=rebuild(new_u)), *state.opt_state[1:])
    return NetworkState(rebuild(new_params), stats, opt_state)


def example_keys(key, index):
    return jnp.stack([jax.random.fold_in(key, i) for i in index])


def step(networks, state: TrainState, batch, with_map: bool, train: bool) -> TrainState:
    """One iteration with the coin given."""
    mt, sn = networks["mt"], networks["sn"]
    mt_old, sn_old = state.networks["mt"], state.networks["sn"]
    image, weight = batch["image"], batch["weight"]
    _, mt_key, sn_key = jax.random.split(jax.random.fold_in(jax.random.fold_in(state.key, 1), state.step), 3)
    malignant = (batch["label"] == 2).astype(jnp.int32)

    m2 = None
    if with_map:
        m1 = cam_of(mt, mt_old.params, mt_old.batch_stats, image, None, train)  # B1
        m2 = cam_of(sn, sn_old.params, sn_old.batch_stats, image, m1, train)  # B2
    mt_keys = example_keys(mt_key, batch["index"])
    mt_new = update(mt, mt_old, image, m2, malignant, weight, mt_keys, train)  # A1 or B3

    m3 = cam_of(mt, mt_new.params, mt_old.batch_stats, image, None, train)  # S1
    sn_keys = example_keys(sn_key, batch["index"])
    sn_new = update(sn, sn_old, image, m3, batch["solid"], weight, sn_keys, train)  # S2
    return TrainState(state.step + 1, state.key, {"mt": mt_new, "sn": sn_new})
