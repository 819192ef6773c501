"""The small network of Habib et al. in PyTorch, with our weights."""

from typing import Any

import numpy as np


def torch_habib_cnn(params: Any, image: Any) -> dict[str, Any]:
    """Every layer's output by our name of it, [batch, channels, height, width], with the graph that leads to it."""
    import torch
    from torch.nn import functional

    def tensor(array: Any, *order: int) -> Any:
        return torch.tensor(np.asarray(array).transpose(order) if order else np.asarray(array))

    x = tensor(image, 0, 3, 1, 2)
    found = {}
    for i in range(4):
        layer = params["image_tower" if i < 2 else "trunk"][f"conv{i + 1}"]
        kernel = tensor(layer["kernel"], 3, 2, 0, 1).requires_grad_()  # so that features have a gradient
        x = functional.relu(functional.conv2d(x, kernel, tensor(layer["bias"]), padding=1))
        found[f"stride_{2**i}"] = x
        x = functional.max_pool2d(x, 2)
    found["stride_16"] = found["features"] = x
    flat = x.permute(0, 2, 3, 1).flatten(1)
    fc, last = params["hidden_layers"]["fc"], params["classifier"]
    found["descriptor"] = functional.relu(flat @ tensor(fc["kernel"]) + tensor(fc["bias"]))
    found["logits"] = found["descriptor"] @ tensor(last["kernel"]) + tensor(last["bias"])
    return found
