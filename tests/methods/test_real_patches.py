"""Layer-wise pre-training on lesions of real images."""

import jax
import numpy as np
import optax
import pytest

from busjax.data.pipeline import evaluation_batches, training_batches
from busjax.data.preprocessing import PIXELS
from busjax.methods.autoencoding import Pretraining, autoencoding
from busjax.methods.tasks import TASKS
from busjax.models.autoencoder import StackedAutoencoder
from busjax.training import parallel
from tests.data.test_end_to_end import read_bus_bra


@pytest.mark.real_data
def test_the_error_of_every_layer_falls(real_data):
    """Of images that are not trained on; also below that of a layer that gives back each value's mean."""
    dataset = read_bus_bra(real_data, 120)
    options = {"image_size": 28, "resize": "lesion", "grey": True, "batch_size": 10, "preprocessing": PIXELS["unit"]}
    stream = iter(training_batches(dataset, np.arange(100), augment={}, seed=0, **options))
    network, steps = StackedAutoencoder(widths=(128, 64, 32)), 80
    method = autoencoding("mt", network, TASKS["malignant"], optax.adam(1e-3), Pretraining(steps))
    mesh = parallel.make_mesh(jax.devices()[:1])
    state = parallel.initialise(method.init, jax.random.PRNGKey(0), 28, mesh)
    step, predict = parallel.map_train_step(method.train_step, mesh), parallel.map_predict(method.predict, mesh)
    held_out = list(evaluation_batches(dataset, np.arange(100, 120), views=1, **options))

    def errors():
        told = [predict(state, batch)["measures"] for batch in held_out]
        return {name: float(np.mean([one[name] for one in told])) for name in told[0]}

    def mean_predictor(number):
        image = np.concatenate([batch["image"][:, 0] for batch in held_out])
        x = network.apply(
            {"params": state.networks["mt"].params}, jax.numpy.asarray(image), number, method="layer_input"
        )
        return float(np.var(x, axis=0).mean())

    for number in range(3):
        before = errors()
        for _ in range(steps):
            state, _ = step(state, next(stream))
        after = errors()
        name = f"mt_layer{number + 1}_error"
        assert after[name] < 0.5 * before[name], name
        assert after[name] < mean_predictor(number), name
    stream.close()
