"""Training metrics, as clu.metrics collections that add up exactly over steps and devices."""

from typing import Any

import clu.metrics
import flax.struct
import jax.numpy as jnp
from jaxtyping import Array

NEVER = jnp.iinfo(jnp.int32).max


@flax.struct.dataclass
class FirstNonFinite(clu.metrics.Metric):
    """The first step whose loss was not a number or infinite; `NEVER` where there was none."""

    step: Any

    @classmethod
    def from_model_output(cls, all_finite: Array, step: Array, **_: Array) -> "FirstNonFinite":
        """From whether the losses of a step are finite, and the step."""
        return cls(jnp.where(all_finite, NEVER, step).astype(jnp.int32))

    @classmethod
    def empty(cls) -> "FirstNonFinite":
        """No step yet."""
        return cls(jnp.asarray(NEVER, jnp.int32))

    def merge(self, other: "FirstNonFinite") -> "FirstNonFinite":
        """The earlier of the two."""
        return FirstNonFinite(jnp.minimum(self.step, other.step))

    def compute(self) -> Any:
        """The step."""
        return self.step


def _masked_average(values: str, mask: str) -> type[clu.metrics.Metric]:
    """Average of an output over the examples whose answer is known."""
    return clu.metrics.Average.from_fun(lambda **outputs: {"values": outputs[values], "mask": outputs[mask] > 0})


def collection(networks: tuple[str, ...], *averages: str, **where: str) -> type[clu.metrics.Collection]:
    """Metrics of a method's step.

    Its `gather_from_model_output` takes, for each network, `<name>_each_loss`, `<name>_correct` and
    `<name>_known` of shape [batch]; `all_finite` and `step`; a scalar or [batch] array for each of `averages`; and for
    each of `where` an array and, under the name given, one of the same shape that is above 0 where it counts.
    """
    fields: dict[str, type[clu.metrics.Metric]] = {"first_non_finite": FirstNonFinite}
    for name in networks:
        fields[f"{name}_loss"] = _masked_average(f"{name}_each_loss", f"{name}_known")
        fields[f"{name}_accuracy"] = _masked_average(f"{name}_correct", f"{name}_known")
    for name in averages:
        fields[name] = clu.metrics.Average.from_output(name)
    for name, mask in where.items():
        fields[name] = _masked_average(name, mask)
    return clu.metrics.Collection.create(**fields)
