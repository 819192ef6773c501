"""The stacked denoising autoencoder of Cheng et al. 2016, a baseline of Qi et al. 2019 (section 4.4).

Of the paper's text we have what Qi et al. say: 28 x 28 pixels, greedy layer-wise pre-training, and fine-tuning with
two outputs and three more inputs. The rest is our choice: hidden layers of 512, 256, 128, 64 and 32 sigmoid units (with
input and output seven layers), and decoders with the transposed weights of their encoder and biases of their own, as
Vincent et al. 2010 have them. The further inputs join the pixels at the first hidden layer; their weights start at 0,
so that fine-tuning starts from what was pre-trained.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

EXTRA = 3  # further inputs: two scale factors and the aspect ratio


class AutoencoderLayer(nn.Module):
    """h = sigmoid(W x + V e + b), and back: logits of x from W^T h + c.

    Attributes:
      inputs: number of x.
      features: number of h.
      further: number of e; 0 for none.
    """

    inputs: int
    features: int
    further: int = 0

    def setup(self) -> None:
        """Makes the parameters, also those that only one direction uses."""
        self.kernel = self.param("kernel", nn.initializers.he_normal(), (self.inputs, self.features))
        self.bias = self.param("bias", nn.initializers.zeros, (self.features,))
        self.reconstruction_bias = self.param("reconstruction_bias", nn.initializers.zeros, (self.inputs,))
        if self.further:
            self.further_weights = self.param("further_weights", nn.initializers.zeros, (self.further, self.features))

    def __call__(
        self, x: Float[Array, "batch inputs"], extra: Float[Array, "batch further"] | None = None
    ) -> Float[Array, "batch features"]:
        """The hidden units; without the further inputs where `extra` is None."""
        y = x @ self.kernel + self.bias
        return nn.sigmoid(y if extra is None else y + extra @ self.further_weights)

    def reconstruction(self, hidden: Float[Array, "batch features"]) -> Float[Array, "batch inputs"]:
        """Logits of the inputs."""
        return hidden @ self.kernel.T + self.reconstruction_bias


class StackedAutoencoder(nn.Module):
    """Encoders on top of each other, a linear classifier on the last.

    Attributes:
      size: of the grey image, height and width in pixels.
      widths: hidden units of each layer.
      classes: number of outputs.
    """

    size: int = 28
    widths: Sequence[int] = (512, 256, 128, 64, 32)
    classes: int = 2

    def setup(self) -> None:
        """Makes the layers, called layer1 and so on."""
        inputs = (self.size**2, *self.widths)
        for number, features in enumerate(self.widths):
            layer = AutoencoderLayer(inputs[number], features, further=0 if number else EXTRA)
            setattr(self, self.layer_name(number), layer)
        self.classifier = nn.Dense(self.classes)

    @staticmethod
    def layer_name(number: int) -> str:
        """What the hidden layer is called among the parameters; `number` counts from 0."""
        return f"layer{number + 1}"

    def layer_input(self, image: Float[Array, "batch height width channels"], number: int) -> Float[Array, "batch _"]:
        """What goes into a layer, counted from 0: the pixels, or the hidden units below it, without further inputs.

        Args:
          image: from 0 to 1, with equal channels; the first is taken.
          number: of the layer.
        """
        x = image[..., 0].reshape(len(image), -1)
        for below in range(number):
            x = getattr(self, self.layer_name(below))(x)
        return x

    def reconstruct(self, x: Float[Array, "batch inputs"], number: int) -> Float[Array, "batch inputs"]:
        """Logits of a layer's input, from that input with noise."""
        layer = getattr(self, self.layer_name(number))
        return layer.reconstruction(layer(x))

    def __call__(
        self,
        image: Float[Array, "batch height width channels"],
        extra: Float[Array, "batch 3"] | None = None,
    ) -> Float[Array, "batch classes"]:
        """Logits of the classes.

        Args:
          image: as of `layer_input`.
          extra: the further inputs; zeros where None.
        """
        x = self.layer_input(image, 0)
        for number in range(len(self.widths)):
            first = jnp.zeros((len(x), EXTRA)) if extra is None else extra
            x = getattr(self, self.layer_name(number))(x, None if number else first)
        return self.classifier(x)
