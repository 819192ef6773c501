"""Cross training with the region enhance mechanism: Qi et al. 2019, section 3.4, Algorithm 1.

One step updates the Mt-Net once, with or without the Sn-Net's class activation map as a coin falls, and then the
Sn-Net once, with the map of the Mt-Net just updated. Writing T for F_img(x), C for F_cam(map), H for the part after the
aggregation point, K for the class activation map, th and ph for the parameters of the Mt-Net and the Sn-Net:

    A   coin < 0.5:   Mt(x, 0), gradient                                              -> th+
    B1  otherwise:    m1 = K(Mt(x, 0; th)), no gradient
    B2                m2 = K(Sn(x, m1; ph)), no gradient
    B3                Mt(x, m2), gradient                                             -> th+
    S1  always:       m3 = K(Mt(x, 0; th+)), no gradient
    S2                Sn(x, m3), gradient                                             -> ph+

What is the same is computed once: B1 and B3 share T of the Mt-Net, B2 and S2 share T of the Sn-Net, and F_cam(0), which
does not depend on the image, is computed for one blank map and broadcast.

The paper says nothing of batch normalisation in the passes without gradient. Here: in training with batch statistics,
every pass normalises by the statistics of its own batch, and only the passes with gradient (A, B3, S2) leave running
statistics; those of the map tower follow real maps only. With frozen statistics, every pass uses the loaded ones.
Dropout acts in the passes with gradient alone, so that a map never depends on it.
"""

from collections.abc import Mapping

import clu.metrics
import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Bool

from busjax.methods import passes
from busjax.methods.batch import Batch
from busjax.methods.losses import Loss, cross_entropy, known, mean_over_devices
from busjax.methods.method import AXIS, Method
from busjax.methods.metrics import collection
from busjax.methods.state import TrainState, apply_gradients, init_network, initial_key, step_key
from busjax.methods.tasks import TASKS
from busjax.models.class_activation import enlarge
from busjax.models.region_enhanced import RegionEnhancedNetwork

MT, SN = "mt", "sn"
WITHOUT_MAP = "mt_without_map"

# The feature maps that Fig. 10 shows: the 1st and the 200th channel at the aggregation point.
SHOWN_CHANNELS = (0, 199)


def step_keys(state: TrainState) -> Array:
    """Keys of one step, [3, 2]: for the coin, the Mt-Net's dropout, the Sn-Net's dropout."""
    return jax.random.split(step_key(state), 3)


def flip_coin(key: Array) -> Bool[Array, ""]:
    """Whether the Mt-Net is updated with a map: p >= 0.5 for p uniform in [0, 1) (Algorithm 1)."""
    return jax.random.uniform(key, dtype=jnp.float32) >= 0.5


def cross_training(
    networks: Mapping[str, RegionEnhancedNetwork],
    optimizer: optax.GradientTransformation,
    frozen: bool,
    loss: Loss = cross_entropy,
) -> Method:
    """The method of two networks, 'mt' and 'sn', each with a map tower.

    Args:
      networks: the Mt-Net and the Sn-Net, by the names 'mt' and 'sn'.
      optimizer: the update rule of each; the two states are separate.
      frozen: whether batch normalisation keeps its running statistics in training.
      loss: of an example.
    """
    mt, sn = networks[MT], networks[SN]
    tasks = {MT: TASKS["malignant"], SN: TASKS["solid"]}
    metrics = collection((MT, SN), "with_map")
    train = not frozen

    def init(key: Array, size: int) -> TrainState:
        states = {
            name: init_network(networks[name], optimizer, initial_key(key, i), size) for i, name in enumerate((MT, SN))
        }
        return TrainState(jnp.zeros((), jnp.int32), key, states)

    def train_step(
        state: TrainState, batch: Batch, with_map: Bool[Array, ""] | bool | None = None
    ) -> tuple[TrainState, clu.metrics.Collection]:
        """One iteration of Algorithm 1; `with_map` forces the coin (a Python bool compiles that branch alone)."""
        image, weight = batch["image"], batch["weight"]
        size = image.shape[1]
        old = state.networks
        coin_key, mt_key, sn_key = step_keys(state)
        if with_map is None:
            with_map = flip_coin(coin_key)

        def mt_towers(params):
            features, stats = passes.run(mt, "image_features", train, params, old[MT].batch_stats, image)
            return (features, passes.blank_features(mt, params, stats, size, train)), stats

        def sn_tower(params):
            return passes.run(sn, "image_features", train, params, old[SN].batch_stats, image)

        (mt_image, mt_blank), pull_mt, mt_stats = jax.vjp(mt_towers, old[MT].params, has_aux=True)
        sn_image, pull_sn, sn_stats = jax.vjp(sn_tower, old[SN].params, has_aux=True)

        def mt_map(params, stats, features, blank):
            """K(Mt(x, 0)) at the images' size: B1 and S1."""
            outputs, _ = passes.run(mt, "classify", train, params, stats, mt.aggregate(features, blank))
            return enlarge(passes.activation_map(params, outputs), size)

        def sn_map():
            """m2: B1 and B2."""
            params, stats = old[SN].params, old[SN].batch_stats
            m1 = mt_map(old[MT].params, old[MT].batch_stats, mt_image, mt_blank)
            features, _ = passes.run(sn, "map_features", train, params, stats, m1)
            outputs, _ = passes.run(sn, "classify", train, params, stats, sn.aggregate(sn_image, features))
            return enlarge(passes.activation_map(params, outputs), size)

        m2 = _either(with_map, sn_map, lambda: jnp.zeros(image.shape[:3]))

        def update_loss(network, params, stats, name, image_features, map_features, key):
            aggregated = network.aggregate(image_features, map_features)
            keys = passes.example_keys(key, batch)
            outputs, stats = passes.run(network, "classify", train, params, stats, aggregated, keys)
            target = tasks[name].target(batch)
            each = loss(outputs.logits, target)
            return mean_over_devices(each, known(target, weight), AXIS), (outputs.logits, each, stats)

        def mt_loss(params, features, blank):
            """A or B3."""
            map_features, stats = _either(
                with_map,
                lambda: passes.run(mt, "map_features", train, params, mt_stats, m2),
                lambda: (jnp.broadcast_to(blank, features.shape), mt_stats),
            )
            return update_loss(mt, params, stats, MT, features, map_features, mt_key)

        (mt_value, (mt_logits, mt_each, mt_stats)), (direct, *through) = jax.value_and_grad(
            mt_loss, argnums=(0, 1, 2), has_aux=True
        )(old[MT].params, mt_image, mt_blank)
        mt_gradients = _mean_sum(direct, pull_mt(tuple(through))[0])
        new_mt = apply_gradients(old[MT], mt_gradients, lax.pmean(mt_stats, AXIS), optimizer)

        # S1, with the parameters just updated. The batch's statistics are used, not left behind.
        (features, blank), _ = mt_towers(new_mt.params)
        m3 = mt_map(new_mt.params, old[MT].batch_stats, features, blank)

        def sn_loss(params, features):
            """S2."""
            map_features, stats = passes.run(sn, "map_features", train, params, sn_stats, m3)
            return update_loss(sn, params, stats, SN, features, map_features, sn_key)

        (sn_value, (sn_logits, sn_each, sn_stats)), (direct, through) = jax.value_and_grad(
            sn_loss, argnums=(0, 1), has_aux=True
        )(old[SN].params, sn_image)
        sn_gradients = _mean_sum(direct, pull_sn(through)[0])
        new_sn = apply_gradients(old[SN], sn_gradients, lax.pmean(sn_stats, AXIS), optimizer)

        told = metrics.gather_from_model_output(
            axis_name=AXIS,
            all_finite=jnp.isfinite(lax.pmean(mt_value + sn_value, AXIS)),
            step=state.step,
            with_map=jnp.asarray(with_map, jnp.float32),
            **passes.step_outputs(MT, mt_logits, mt_each, tasks[MT].target(batch), weight),
            **passes.step_outputs(SN, sn_logits, sn_each, tasks[SN].target(batch), weight),
        )
        return TrainState(state.step + 1, state.key, {MT: new_mt, SN: new_sn}), told

    def predict(state: TrainState, batch: Batch) -> dict:
        """Section 2.6 of the inference: m1 of Mt(x, 0), the Sn-Net with m1, m2 of it, the Mt-Net with m2, per view."""
        views = batch["image"]
        image = passes.fold_views(views)
        size = image.shape[1]
        (mt_params, mt_stats), (sn_params, sn_stats) = (
            (state.networks[name].params, state.networks[name].batch_stats) for name in (MT, SN)
        )
        mt_image, _ = passes.run(mt, "image_features", False, mt_params, mt_stats, image)
        blank = passes.blank_features(mt, mt_params, mt_stats, size, train)
        without, _ = passes.run(mt, "classify", False, mt_params, mt_stats, mt.aggregate(mt_image, blank))
        m1 = passes.activation_map(mt_params, without)

        sn_image, _ = passes.run(sn, "image_features", False, sn_params, sn_stats, image)
        sn_region, _ = passes.run(sn, "map_features", False, sn_params, sn_stats, enlarge(m1, size))
        solid, _ = passes.run(sn, "classify", False, sn_params, sn_stats, sn.aggregate(sn_image, sn_region))
        m2 = passes.activation_map(sn_params, solid)

        mt_region, _ = passes.run(mt, "map_features", False, mt_params, mt_stats, enlarge(m2, size))
        enhanced, _ = passes.run(mt, "classify", False, mt_params, mt_stats, mt.aggregate(mt_image, mt_region))

        shown = [min(channel, mt_image.shape[-1] - 1) for channel in SHOWN_CHANNELS]
        logits = {MT: enhanced.logits, WITHOUT_MAP: without.logits, SN: solid.logits}
        targets = {name: tasks[SN if name == SN else MT].target(batch) for name in logits}
        cams = {MT: passes.activation_map(mt_params, enhanced), WITHOUT_MAP: m1, SN: m2}
        maps = {"image": mt_image[..., shown], "map": mt_region[..., shown]}
        return {
            "scores": {name: passes.mean_probability(values, views) for name, values in logits.items()},
            "cams": {name: passes.unfold_views(cam, views) for name, cam in cams.items()},
            "maps": {name: passes.unfold_views(values, views) for name, values in maps.items()},
            **passes.validation_losses(loss, logits, targets, batch),
        }

    return Method(
        networks={MT: mt, SN: sn},
        outputs={MT: tasks[MT], WITHOUT_MAP: tasks[MT], SN: tasks[SN]},
        selectors=(MT, SN),
        init=init,
        train_step=train_step,
        predict=predict,
        metrics=metrics,
        reported_with={MT: MT, WITHOUT_MAP: MT, SN: SN},
    )


def _either(condition, when, otherwise):
    """`lax.cond`, or the one branch when the condition is known before compilation."""
    if isinstance(condition, bool):
        return when() if condition else otherwise()
    return lax.cond(condition, when, otherwise)


def _mean_sum(direct, through):
    """The gradient as the sum of its two parts, averaged over the devices."""
    return lax.pmean(jax.tree.map(jnp.add, direct, through), AXIS)
