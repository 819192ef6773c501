"""U-Net with class outputs against PyTorch with the same weights: outputs, and two steps of training."""

import functools

import jax
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict
from ml_collections import ConfigDict

from busjax.methods.multitask import make_multitask_loss, multitask
from busjax.methods.state import NetworkState, TrainState
from busjax.methods.tasks import TASKS
from busjax.models import make_multitask_network
from busjax.training import parallel
from tests.models.anatomy import images, shapes
from tests.pretrained.parity import relative_error

torch = pytest.importorskip("torch")

SIZE, RATE, MOMENTUM, KEPT = 32, 0.05, 0.9, 0.99
LEVELS = (8, 16, 32, 64, 128)  # at an eighth of the width
LOSS = {
    "name": "cross_entropy",
    "positive_weight": 1.0,
    "gamma": 2.0,
    "alpha": 0.5,
    "segmentation": "soft_iou",
    "classification_weight": 1.0,
    "segmentation_weight": 1.0,
}


class TorchUNet(torch.nn.Module):
    """The public code's U-Net with a class output on its deepest features; modules in the order of their use."""

    def __init__(self):
        super().__init__()
        nn = torch.nn

        def double(channels, features):
            layers = []
            for incoming in (channels, features):
                norm = nn.BatchNorm2d(features, eps=1e-3, momentum=1 - KEPT)
                layers += [nn.Conv2d(incoming, features, 3, padding=1), norm, nn.ReLU()]
            return nn.Sequential(*layers)

        self.down = nn.ModuleList(double(c, f) for c, f in zip((3, *LEVELS), LEVELS, strict=False))
        pairs = list(zip(LEVELS[:0:-1], LEVELS[-2::-1], strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose2d(c, f, 3, stride=2) for c, f in pairs)
        self.joined = nn.ModuleList(double(2 * f, f) for _, f in pairs)
        self.mask = nn.Conv2d(LEVELS[0], 1, 1)
        self.head = nn.Linear(LEVELS[-1], 3)

    def forward(self, x):
        skips = []
        for i, level in enumerate(self.down):
            x = level(x if i == 0 else torch.nn.functional.max_pool2d(x, 2))
            skips.append(x)
        logits = self.head(skips.pop().mean((2, 3)))
        for up, joined in zip(self.up, self.joined, strict=True):
            skip = skips.pop()
            # 2 n + 1 rows: 'SAME' of Keras leaves out the last one.
            x = joined(torch.cat([skip, up(x)[..., : skip.shape[2], : skip.shape[3]]], 1))
        return logits, self.mask(x)


def variables_of(model):
    """Ours from the PyTorch network's, by the order of its modules."""
    places = {f"down.{i}": f"image_tower/level{i + 1}" for i in range(4)} | {"down.4": "trunk/deepest"}
    places |= {f"joined.{i}": f"mask_decoder/step{i + 1}" for i in range(4)}
    layers = {f"up.{i}": f"mask_decoder/up{i + 1}" for i in range(4)}
    layers |= {"mask": "mask_decoder/mask", "head": "classifier"}
    for theirs, ours in places.items():
        for number, layer in zip((0, 1, 3, 4), ("conv1/conv", "conv1/norm", "conv2/conv", "conv2/norm"), strict=True):
            layers[f"{theirs}.{number}"] = f"{ours}/{layer}"
    found = {}
    for name, tensor in model.state_dict().items():
        layer, leaf = name.rsplit(".", 1)
        if leaf == "num_batches_tracked":
            continue
        path, value = tuple(layers[layer].split("/")), tensor.numpy().copy()
        if leaf.startswith("running"):
            found["batch_stats", *path, leaf.removeprefix("running_")] = value
        elif leaf == "bias":
            found["params", *path, leaf] = value
        else:
            axes = {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}[value.ndim]  # a transposed kernel is [in, out, h, w] there
            kernel = "transposed_kernel" if layer.startswith("up.") else "kernel"
            found["params", *path, "scale" if value.ndim == 1 else kernel] = value.transpose(axes)
    return found


@pytest.fixture(scope="module")
def model():
    """In double precision, with weights of a sane scale and statistics that are not those of a start."""
    torch.manual_seed(0)
    model = TorchUNet().double()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.ndim > 1:
                tensor.normal_(0.0, (2.0 / tensor[0].numel()) ** 0.5)
            elif name.endswith(("running_var", "weight")):
                tensor.uniform_(0.5, 1.5)
            elif not name.endswith("num_batches_tracked"):
                tensor.normal_(0.0, 0.1)
    return model


def without_dropout():
    network = make_multitask_network("dizaj_unet", width=0.125, dropout_rate=0.0, norm_momentum=KEPT, dtype="float64")
    return network.clone(lower=functools.partial(network.lower, dropout_rate=0.0))


def seven():
    """Classes 0, 1, 2 and one that is not known; an empty mask and one that is not there; padding."""
    rng = np.random.default_rng(0)
    mask = np.zeros((7, SIZE, SIZE, 1), np.float32)
    for i, (top, left, side) in enumerate([(0, 0, 0), (4, 6, 12), (10, 3, 20), (8, 8, 9), (2, 14, 15), (1, 1, 30)]):
        mask[i, top : top + side, left : left + side] = 1.0
    return {
        "image": rng.normal(size=(7, SIZE, SIZE, 3)).astype(np.float32) + mask,
        "mask": mask,
        "label": np.array([0, 1, 2, -1, 2, 1, 1], np.int32),
        "has_mask": np.array([1, 1, 1, 1, 0, 1, 1], bool),
        "weight": np.array([1, 1, 1, 1, 1, 1, 0], np.float32),
        "index": np.arange(7, dtype=np.int32),
    }


def torch_step(model, optimizer, batch):
    """The loss by PyTorch's own functions, and one update."""
    image = torch.tensor(batch["image"].transpose(0, 3, 1, 2)).double()
    logits, mask_logits = model(image)
    known = torch.tensor((batch["label"] >= 0) & (batch["weight"] > 0))
    drawn = torch.tensor(batch["has_mask"] & (batch["weight"] > 0))
    classified = torch.nn.functional.cross_entropy(logits[known], torch.tensor(batch["label"])[known].long())
    p = torch.sigmoid(mask_logits)[drawn]
    y = torch.tensor(batch["mask"].transpose(0, 3, 1, 2)).double()[drawn]
    overlap = (p * y).sum()
    iou = (overlap + 1) / (p.sum() + y.sum() - overlap + 1)
    loss = classified + 1 - iou
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item(), classified.item(), (1 - iou).item(), logits.detach().numpy()


def with_keras_variances(model):
    """PyTorch keeps running variances with n - 1, Keras and Flax with n: a function that corrects those of a pass."""
    seen = {}
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]

    def remember(module, inputs):
        seen[module] = (inputs[0].numel() // inputs[0].shape[1], module.running_var.clone())

    for module in norms:
        module.register_forward_pre_hook(remember)

    def correct():
        for module, (n, old) in seen.items():
            added = module.running_var - KEPT * old
            module.running_var.copy_(KEPT * old + added * (n - 1) / n)

    return correct


@pytest.fixture
def double():
    """Double precision: in single, a ReLU that tips over at one of the deepest positions changes gradients by 1%."""
    with jax.enable_x64(True):
        yield


def test_outputs(model, double):
    variables, network = variables_of(model), without_dropout()
    expected = {path: leaf.shape for path, leaf in flatten_dict(shapes(network, images(SIZE))).items()}
    assert {path: value.shape for path, value in variables.items()} == expected
    image = np.random.default_rng(1).normal(size=(2, 48, 64, 3))
    with torch.no_grad():
        logits, mask = model.eval()(torch.tensor(image.transpose(0, 3, 1, 2)))
    ours = jax.jit(network.apply)(unflatten_dict(variables), image)
    assert relative_error(ours.mask_logits, mask.permute(0, 2, 3, 1)) < 1e-9
    assert relative_error(ours.logits, logits) < 1e-9


def test_two_steps(model, double):
    """Losses, every parameter by how it moved, running statistics; the second step has the first one's momentum."""
    before, batch = variables_of(model), seven()
    theirs_optimizer, correct = torch.optim.SGD(model.train().parameters(), RATE, MOMENTUM), with_keras_variances(model)
    optimizer, loss = optax.sgd(RATE, MOMENTUM), make_multitask_loss(ConfigDict(LOSS))
    method = multitask("net", without_dropout(), TASKS["tumour"], optimizer, False, loss)
    mesh = parallel.make_mesh(jax.devices()[:1])
    given = unflatten_dict(before)
    net = NetworkState(**given, opt_state=optimizer.init(given["params"]))
    state = TrainState(np.zeros((), np.int32), jax.random.PRNGKey(0), {"net": net})
    state = jax.device_put(state, parallel.replicated(mesh))
    step = parallel.map_train_step(method.train_step, mesh)
    known = (batch["label"] >= 0) & (batch["weight"] > 0)
    for _ in range(2):
        state, metrics = step(state, jax.device_put(batch, parallel.divided(mesh)))
        told = metrics.compute()
        whole, classified, drawn, logits = torch_step(model, theirs_optimizer, batch)
        correct()
        expected = {"net_loss": whole, "classification_loss": classified, "segmentation_loss": drawn}
        for name, value in expected.items():
            assert told[name] == pytest.approx(value, rel=1e-6), name
        assert told["net_accuracy"] == pytest.approx((logits.argmax(1) == batch["label"])[known].mean())
        net = jax.device_get(state.networks["net"])
        after, theirs = flatten_dict({"params": net.params, "batch_stats": net.batch_stats}), variables_of(model)
        assert after.keys() == theirs.keys()
        moved = {path: value - before[path] for path, value in theirs.items()}
        largest = {kind: max(np.abs(moved[path]).max() for path in moved if path[0] == kind) for kind in given}
        for path, value in moved.items():
            # The loss of masks is in single precision.
            allowed = 1e-6 * largest[path[0]]
            np.testing.assert_allclose(after[path] - before[path], value, rtol=1e-5, atol=allowed, err_msg=str(path))
