"""What tests of PyTorch's releases share: random weights of a sane scale, files of them, and the comparison."""

import jax
import pytest

from tests.pretrained.parity import random_image, relative_error

torch = pytest.importorskip("torch")


def randomise(model, seed: int = 0):
    """Fills a model: kernels with variance 2 / fan-in, everything else with values that a mix-up would show."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.ndim > 1:
                tensor.normal_(0.0, (2.0 / tensor[0].numel()) ** 0.5, generator=generator)
            elif name.endswith("num_batches_tracked"):
                tensor.fill_(7)
            elif name.endswith(("running_var", "weight")):
                tensor.uniform_(0.5, 1.5, generator=generator)
            else:
                tensor.normal_(0.0, 0.1, generator=generator)
    return model.eval()


def save(model, folder):
    """A file as torchvision publishes it."""
    path = folder / "weights.pth"
    torch.save(model.state_dict(), path)
    return path


def errors(network, variables, model, size: tuple[int, int]) -> tuple[float, float]:
    """Relative errors of features and logits on one random image; `model` returns both, features first."""
    image = random_image(size)
    with torch.no_grad():
        features, logits = model(torch.tensor(image.transpose(0, 3, 1, 2)))
    outputs = jax.jit(network.apply)(variables, image)
    return relative_error(outputs.features, features.permute(0, 2, 3, 1)), relative_error(outputs.logits, logits)
