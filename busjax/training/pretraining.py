"""What a report says of layers that were trained before the task."""

from busjax.methods import pretraining_epochs
from busjax.models.autoencoder import StackedAutoencoder
from busjax.training.run import Run


def told_errors(run: Run) -> str:
    """The reconstruction error of every layer on the validation part, before and after its stage.

    Before the first stage it is that of the first state; the layers below a layer are the same before and after.

    Returns:
      A line; '' of a run without pre-training, or one whose pre-training has not ended.
    """
    config, history = run.config, run.checkpoints.facts(run.checkpoints.latest() or 0)["history"]
    if config.method != "autoencoding" or not 0 < pretraining_epochs(config) <= len(history):
        return ""
    name = config.model.network
    epochs, layers = config.model[name].pretrain_epochs, range(len(config.model[name].widths))
    first = run.score(run.new_state(), "val").measures
    ends = [{f"val/{measure}": value for measure, value in first.items()}]  # of stages, in their order
    ends += [history[(number + 1) * epochs - 1] for number in layers]
    lines = []
    for number in layers:
        layer = StackedAutoencoder.layer_name(number)
        before, after = (end[f"val/{name}_{layer}_error"] for end in ends[number : number + 2])
        lines.append(f"{layer} {before:.3g} to {after:.3g}")
    return f"{', '.join(lines)} (validation part, mean squared, before and after {epochs} epochs of each)"
