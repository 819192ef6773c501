"""The small network of Habib et al.: counts by hand, outputs as PyTorch has them, what configs it stands in."""

import jax
import numpy as np
import pytest

from busjax.models import make_network
from busjax.models.initialisation import initialise
from busjax.training.config import validate
from busjax.training.errors import ConfigError
from configs import basic, rem
from tests.models.anatomy import anatomy, count, images, shapes, without_gradient
from tests.models.torch_habib_cnn import torch_habib_cnn

CONVOLUTIONS = [9 * before * after + after for before, after in ((3, 32), (32, 64), (64, 128), (128, 256))]


def test_parameters_by_hand():
    params = shapes(make_network("habib_cnn", has_map_tower=False), images(128))["params"]
    assert count(params["image_tower"]) + count(params["trunk"]) == sum(CONVOLUTIONS) == 388_416
    assert count(params["hidden_layers"]) == 8 * 8 * 256 * 512 + 512 == 8_389_120
    assert count(params["classifier"]) == 512 * 2 + 2
    assert count(params) == 8_778_562


def test_shapes_at_128_pixels():
    tower, outputs, _ = anatomy(make_network("habib_cnn", has_map_tower=False), images(128))
    assert tower == (1, 32, 32, 64)
    assert outputs.features == (1, 8, 8, 256)
    assert outputs.descriptor == (1, 512)
    assert outputs.logits == (1, 2)


def test_outputs_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    network = make_network("habib_cnn", width=0.25, has_map_tower=False)
    image = jax.random.normal(jax.random.PRNGKey(1), (3, 50, 37, 3))  # 50, 25, 12, 6, 3 rows; 37, 18, 9, 4, 2 columns
    variables = initialise(network, jax.random.PRNGKey(0), image)
    found = network.apply(variables, image)
    assert found.features.shape == (3, 3, 2, 64)
    with torch.no_grad():
        expected = torch_habib_cnn(variables["params"], image)
    assert np.abs(found.logits).max() > 0.01
    np.testing.assert_allclose(found.descriptor, expected["descriptor"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.logits, expected["logits"], rtol=1e-4, atol=1e-5)


def test_every_parameter_receives_a_gradient():
    assert without_gradient(make_network("habib_cnn", width=0.25, has_map_tower=False), images(32)) == []


def test_configs_that_it_stands_in():
    config = basic.get_config("demo")
    with config.unlocked():
        config.model.mt.backbone, config.model.mt.options = "habib_cnn", {}
    validate(config)
    with config.unlocked():
        config.data.image_size = 15
    with pytest.raises(ConfigError, match=r"data.image_size: found 15, expected at least 16 for habib_cnn"):
        validate(config)


def test_a_method_that_needs_class_activation_maps_refuses_it():
    config = rem.get_config("demo")
    with config.unlocked():
        config.model.sn.backbone, config.model.sn.options = "habib_cnn", {}
    with pytest.raises(ConfigError, match=r"model.sn.backbone: found 'habib_cnn', expected one without hidden layers"):
        validate(config)
