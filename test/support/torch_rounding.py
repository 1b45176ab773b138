"""What single precision must cost: a Net in double precision whose sums are off by as much as float sums of that length are.

A sum of n products in one chain, as regkit's tiles form them, rounds each of its n partial sums by 2^-24 of that partial sum
at most, and by 2^-24 / sqrt(3) of it as a root mean square. Partial sums of terms of either sign grow as a random walk does,
so that their squares add up to n / 2 times the square of the whole: the sum's error is 2^-24 sqrt(n / 6) of its size. (Higham,
Accuracy and Stability of Numerical Algorithms, 2002, chapter 4; the bound has n in the place of the root.) One rounding more
stores it.

Such a sum is every output of a layer with weights, the gradient of its input and that of its weights. What becomes of the
errors on their way the Net itself tells: batch norm over the four samples of a batch makes them ten times as large, a pool
passes on one of four."""
import torch

from torch_presets import Net

UNIT = 2.0 ** -24
WEIGHTED = ("conv", "up_conv", "dense", "lstm")


def noisy(x, terms):
    """x with the error of a float sum of so many products in each value; how large sums are, their root mean square says."""
    size = UNIT * (1 + (terms / 6) ** 0.5) * float(x.detach().square().mean().sqrt())
    return x + size * torch.randn_like(x)


class NoisyGradient(torch.autograd.Function):
    """The value itself; its gradient as a sum of so many products."""

    @staticmethod
    def forward(context, x, terms):
        context.terms = terms
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient):
        return noisy(gradient, context.terms), None


class RoundedNet(Net):
    """A Net whose sums are rounded, each run's in another way."""

    def __init__(self, spec, markers, batch):
        super().__init__(spec, markers)
        for layer in self.layers:
            if layer["name"] in dict(self.named_children()):
                inputs = self.shapes[layer["read"][0]][1] if layer["read"] != ["sequence"] else spec["window"]
                terms = batch * min(self.shapes[layer["name"]][1], inputs)
                for parameter in self.get_submodule(layer["name"]).parameters():
                    parameter.register_hook(lambda gradient, terms=terms: noisy(gradient, terms))

    def run_layer(self, layer, values):
        if layer["type"] not in WEIGHTED:
            return super().run_layer(layer, values)
        name = layer["read"][0]
        (outputs, _), (channels, length) = self.shapes[layer["name"]], self.shapes[name]
        taps = layer["stride"] if layer["type"] == "up_conv" else layer.get("width", 1)
        if layer["type"] == "lstm":  # four gates of the input and of the state before
            outputs, channels = 4 * outputs, channels + layer["filters"]
        self.terms = channels * (length if layer.get("flatten", False) else layer.get("width", 1))
        return super().run_layer(layer, dict(values, **{name: NoisyGradient.apply(values[name], outputs * taps)}))

    def summed(self, layer, y):
        return NoisyGradient.apply(noisy(y, self.terms), 0) if layer["type"] in WEIGHTED else y
