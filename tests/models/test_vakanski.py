"""The multi-task U-Net of Vakanski and Xian: its count, and agreement with a PyTorch definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from busjax.models import make_multitask_network
from tests.models.anatomy import count, images, shapes
from tests.models.multitask_gradients import without_gradient
from tests.pretrained.parity import random_image, relative_error

# PyTorch's epsilon.
NORM = {"norm_epsilon": 1e-5}


def test_trainable_parameters_are_those_of_the_public_code():
    network = make_multitask_network("vakanski", **NORM)
    variables = shapes(network, images(256))
    assert count(variables["params"]) == 7_914_147
    # Two running statistics of each of 18 normalisations: twice at 32 to 512 on the way down, at 256 to 32 on that up.
    assert count(variables["batch_stats"]) == 2 * 2 * (32 + 64 + 128 + 256 + 512 + 256 + 128 + 64 + 32)
    outputs = jax.eval_shape(network.apply, variables, images(256))
    assert outputs.logits.shape == (1, 2)
    assert outputs.mask_logits.shape == (1, 256, 256, 1)
    assert outputs.features.shape == (1, 16, 16, 512)


def torch_vakanski(torch):
    nn = torch.nn

    def double(channels, features):
        layers = []
        for incoming in (channels, features):
            layers += [nn.Conv2d(incoming, features, 3, padding=1), nn.BatchNorm2d(features), nn.ReLU()]
        return nn.Sequential(*layers)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            levels = (32, 64, 128, 256, 512)
            self.down = nn.ModuleList(double(c, f) for c, f in zip((3, *levels), levels, strict=False))
            pairs = [(512, 256), (256, 128), (128, 64), (64, 32)]
            self.up = nn.ModuleList(nn.ConvTranspose2d(c, f, 2, stride=2) for c, f in pairs)
            self.joined = nn.ModuleList(double(c, f) for c, f in pairs)
            self.mask = nn.Conv2d(32, 1, 3, padding=1)
            dropped = (nn.ReLU(), nn.Dropout(0.25))
            self.head = nn.Sequential(nn.Linear(512, 256), *dropped, nn.Linear(256, 64), *dropped, nn.Linear(64, 2))

        def forward(self, x):
            skips = []
            for i, level in enumerate(self.down):
                x = level(x if i == 0 else nn.functional.max_pool2d(x, 2))
                skips.append(x)
            logits = self.head(skips.pop().mean((2, 3)))
            for up, joined in zip(self.up, self.joined, strict=True):
                x = joined(torch.cat([skips.pop(), up(x)], 1))
            return logits, self.mask(x)

    return Network()


def variables_of(model):
    """Ours from the PyTorch network's, by order of its modules."""
    names = [*(f"image_tower/level{i}" for i in (1, 2, 3, 4)), "trunk/deepest"]
    places = dict(zip((f"down.{i}" for i in range(5)), names, strict=True))
    places |= {f"joined.{i}": f"mask_decoder/step{i + 1}" for i in range(4)}
    layers = {}
    for theirs, ours in places.items():
        for number, layer in enumerate(("conv1/conv", "conv1/norm", "conv2/conv", "conv2/norm")):
            layers[f"{theirs}.{(0, 1, 3, 4)[number]}"] = f"{ours}/{layer}"
    layers |= {f"up.{i}": f"mask_decoder/up{i + 1}" for i in range(4)} | {"mask": "mask_decoder/mask"}
    layers |= {"head.0": "hidden_layers/dense1", "head.3": "hidden_layers/dense2", "head.6": "classifier"}
    found = {}
    for name, tensor in model.state_dict().items():
        layer, leaf = name.rsplit(".", 1)
        path, value = tuple(layers[layer].split("/")), tensor.numpy()
        if leaf == "num_batches_tracked":
            continue
        if leaf.startswith("running"):
            found["batch_stats", *path, leaf.removeprefix("running_")] = value
        elif leaf == "bias":
            found["params", *path, leaf] = value
        else:
            axes = {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}[value.ndim]  # a transposed kernel is [in, out, h, w] there
            kernel = "transposed_kernel" if layer.startswith("up.") else "kernel"
            found["params", *path, "scale" if value.ndim == 1 else kernel] = value.transpose(axes)
    return {path: jnp.asarray(value) for path, value in found.items()}


def test_a_pytorch_definition_with_the_same_weights_gives_the_same_outputs():
    torch = pytest.importorskip("torch")
    from tests.pretrained.torch_parity import randomise

    model = torch_vakanski(torch)
    assert sum(p.numel() for p in model.parameters()) == 7_914_147
    variables = variables_of(randomise(model))
    network = make_multitask_network("vakanski", **NORM)
    expected = {path: leaf.shape for path, leaf in flatten_dict(shapes(network, images(64))).items()}
    assert {path: value.shape for path, value in variables.items()} == expected
    image = np.concatenate([random_image((64, 96)), 0.3 * random_image((64, 96))])
    with torch.no_grad():
        logits, mask = model(torch.tensor(image.transpose(0, 3, 1, 2)))
    ours = jax.jit(network.apply)(unflatten_dict(variables), image)
    assert relative_error(ours.mask_logits, mask.permute(0, 2, 3, 1)) < 1e-4
    assert relative_error(ours.logits, logits) < 1e-4


def test_both_hidden_layers_have_dropout():
    network = make_multitask_network("vakanski", width=0.125)
    assert network.hidden().dropouts == 2
    assert network.hidden().dropout_rate == 0.25


def test_odd_sizes_and_gradients():
    network = make_multitask_network("vakanski", width=0.125, head_widths=(16, 8))
    outputs = jax.eval_shape(network.apply, shapes(network, images(139, 97)), images(139, 97))
    assert outputs.mask_logits.shape == (1, 139, 97, 1)
    assert without_gradient(network, images(33, 47)) == []
