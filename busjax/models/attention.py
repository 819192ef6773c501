"""Attention of a decoder to its encoder's features (soft), and of a classifier to a predicted mask (hard)."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from busjax.models.convolution import Conv
from busjax.models.layers import Settings, at_least_float32


class AttentionGate(nn.Module):
    """x times alpha = sigmoid(psi(ReLU(W_x x + W_g g + b))), one alpha in (0, 1) for each position.

    The additive gate of Oktay et al. 2018 (Attention U-Net, section 2.1, equations 1 and 2). There `x` is brought to
    the coarser scale of `g` and alpha resized back; here W_g g is computed at its own scale and resized to that of `x`.

    Attributes:
      settings: what the network's layers share.
      features: channels inside the gate.
    """

    settings: Settings
    features: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], g: Float[Array, "batch h w coarser"]
    ) -> Float[Array, "batch height width channels"]:
        """Weighs the positions of `x`.

        Args:
          x: an encoder's features.
          g: the decoder's features at a coarser scale; resized bilinearly, with half-pixel centres.
        """
        s, inside = self.settings, self.settings.channels(self.features)
        own = Conv(inside, (1, 1), use_bias=True, dtype=s.dtype, name="own")(x)
        other = Conv(inside, (1, 1), dtype=s.dtype, name="coarser")(g)
        both = nn.relu(own + jax.image.resize(other, own.shape, "bilinear"))
        return x * nn.sigmoid(Conv(1, (1, 1), use_bias=True, dtype=s.dtype, name="alpha")(both))


def attend_to_mask(
    features: Float[Array, "batch h w channels"], mask_logits: Float[Array, "batch height width 1"]
) -> Float[Array, "batch h w channels"]:
    """Features times the share of each position that the predicted mask, cut at a probability of 0.5, covers.

    The mask is a constant: no gradient passes through it.
    """
    mask = lax.stop_gradient((mask_logits > 0).astype(jnp.float32))
    share = jax.image.resize(mask, (*features.shape[:3], 1), "bilinear")  # which averages where it shrinks
    return at_least_float32(features) * share
