"""Released weights in a run: what they settle in its config, and how they come into its first state."""

import logging
import math
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from busjax.data.preprocessing import HALVES, PIXELS, Preprocessing, in_turn
from busjax.methods import Method, network_names
from busjax.methods.freezing import is_frozen, path_name, unmatched
from busjax.methods.state import NetworkState, TrainState, initial_key
from busjax.pretrained.download import checksum_of, fetch
from busjax.pretrained.load import load_variables
from busjax.pretrained.release import IMAGENET, Release
from busjax.pretrained.table import RELEASES
from busjax.training.errors import ConfigError

LOGGER = logging.getLogger(__name__)

# Keras's network scales pixels itself, whatever it is fed; ours takes them scaled. In the Keras of the released scripts
# (TensorFlow 2.3) it took ImageNet's deviations for variances.
SCALES_INSIDE = {
    "efficientnet_b0": Preprocessing(IMAGENET.mean, tuple(math.sqrt(255 * d) for d in IMAGENET.deviation))  # type: ignore[arg-type]
}


def wanted(config: ConfigDict) -> dict[str, tuple[Release, str]]:
    """The release and the path ('' to download) of every network that starts from one.

    A method with one network has them in `pretrained`, one with several in `pretrained.<network>`.
    """
    names = network_names(config)
    fields = {name: config.pretrained if len(names) == 1 else config.pretrained[name] for name in names}
    return {name: (RELEASES[own.release], own.path) for name, own in fields.items() if own.release}


def settle_releases(config: ConfigDict) -> ConfigDict:
    """The config with everything that its releases decide: backbone, width, options, normalisation, range of pixels."""
    settled = ConfigDict(config.to_dict())
    if config.method == "multitask":
        # Decoders take the image in the unit of the released scripts, 255 grey levels (but for the mean).
        fed = preprocessing(config)
        unit = tuple(deviation / 255 for deviation in fed.deviation)
        settled.model[config.model.network].image_unit = unit[::-1] if fed.bgr else unit
    for name, (release, _) in wanted(config).items():
        own = settled.model[name]
        own.backbone = release.backbone
        own.options = ConfigDict(dict(release.options))
        own.width = release.settings.get("width", 1.0)
        own.norm_scale = release.settings.get("norm_scale", True)
        own.norm_epsilon = release.settings.get("norm_epsilon", 1e-3)
    return settled.lock()


def preprocessing(config: ConfigDict) -> Preprocessing:
    """What the networks of a config expect of pixels; `config.validate` has made sure that they agree on the scaling.

    Of two interpolations, the first network's. `data.pixels` may name what a network is fed instead: a scaling, or a
    release whose scaling it is.
    """
    found = wanted(config)
    if config.data.pixels == "release":
        return next((release.preprocessing for release, _ in found.values()), HALVES)
    if config.data.pixels in RELEASES:
        return RELEASES[config.data.pixels].preprocessing
    fed, (name, *_) = PIXELS[config.data.pixels], network_names(config)
    backbone = found[name][0].backbone if found else config.model[name].get("backbone")
    if backbone not in SCALES_INSIDE:
        return fed
    return in_turn(fed, SCALES_INSIDE[backbone] if found else PIXELS["unit"])


def check_freeze(method: Method, config: ConfigDict) -> None:
    """Checks that all patterns of `pretrained.freeze` match a parameter, and none of a network that no release fits.

    Such is the fusion network. Networks that could have a release and have none are refused by `config.validate`.

    Raises:
      ConfigError: the first that does not, with what there is; or the parameter that would stay random.
    """
    if not config.pretrained.freeze:
        return
    state = jax.eval_shape(lambda key: method.init(key, config.data.image_size), jax.random.PRNGKey(0))
    trees = [network.params for network in state.networks.values()]
    for pattern in unmatched(trees, config.pretrained.freeze):
        parts = dict.fromkeys(f"{top}/{part}" for tree in trees for top in tree for part in tree[top])
        raise ConfigError(f"pretrained.freeze: {pattern!r} matches no parameter, there are: {', '.join(parts)}")
    for name in sorted(state.networks.keys() - set(network_names(config))):  # no release is made for it
        for path, _ in jax.tree_util.tree_leaves_with_path(state.networks[name].params):
            if is_frozen(path, config.pretrained.freeze):
                raise ConfigError(
                    f"pretrained.freeze: {path_name(path)} of {name} would be frozen with random weights, expected "
                    f"patterns that match only {' and '.join(network_names(config))}"
                )


def load_releases(
    state: TrainState, method: Method, config: ConfigDict
) -> tuple[TrainState, dict[str, dict[str, Any]]]:
    """The first state of a run with released weights in place of random ones, and what was loaded.

    A file whose checksum is not the published one is loaded if it fits, for whoever trained on may have written it; a
    warning says so.

    Returns:
      The state, and for each network that starts from a release: release, file, checksum, and whether the checksum is
      known not to be the published one.

    Raises:
      PretrainedError: a file cannot be had, or does not fit.
    """
    networks: dict[str, Any] = dict(state.networks)
    placed, releases = jax.tree.leaves(state.step)[0].sharding, wanted(config)
    loaded: dict[str, dict[str, Any]] = {}
    for number, (name, network) in enumerate(method.networks.items()):
        if name not in releases:
            continue
        release, path = releases[name]
        file = Path(path or fetch(release, Path(config.pretrained.cache_dir).expanduser())).expanduser()
        key = initial_key(jax.random.PRNGKey(config.seed), number)
        variables = load_variables(release, file, network=network, size=config.data.image_size, key=key)
        checksum = checksum_of(file, release.checksum)
        if checksum.differs:
            other = f"{checksum.found}, not {checksum.published} as published for {release.name}"
            LOGGER.warning("%s: the checksum is %s: other weights, or a file written anew", file, other)
        on_devices = jax.device_put(variables, placed)
        networks[name] = NetworkState(on_devices["params"], on_devices["batch_stats"], networks[name].opt_state)
        loaded[name] = {
            "release": release.name,
            "file": str(file),
            "checksum": checksum.found,
            "differs_from_published": checksum.differs,
        }
    return TrainState(state.step, state.key, networks), loaded
