"""What a whitening does: it makes numbers of a cube whose noise is independent."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, final

import equinox as eqx
from jaxtyping import Array, Float


class AbstractWhitening(eqx.Module):
    """Numbers that are made of a cube, each a sum over its voxels, whose noise is normal and independent.

    Fits, losses and Fisher matrices take voxels for independent. Where they are not, give them these in their place:

        fit, known = least_squares(
            whitening.predicting(predict), model, start, whitening.data(cube), whitening.variance
        )

    The likelihood is that of the cube with its covariance, up to a constant.
    """

    variance: eqx.AbstractVar[Float[Array, "row place wave"]]
    """Of each number; not a number where the cube tells none."""

    @abstractmethod
    def __call__(self, cube: Float[Array, "y x wave"]) -> Float[Array, "row place wave"]:
        """The numbers of a noiseless cube: of a prediction. Linear."""

    @abstractmethod
    def data(self, cube: Float[Array, "y x wave"]) -> Float[Array, "row place wave"]:
        """The numbers of data, which are none where the cube tells none. On concrete arrays.

        Raises:
            InputError: the cube cannot have noise of this covariance.
        """

    def predicting(self, predict: Callable[[Any], Float[Array, "y x wave"]]) -> "WhitenedPrediction":
        """Of a function that makes the noiseless cube of a model, one that makes its numbers."""
        return WhitenedPrediction(self, predict)


@final
class WhitenedPrediction(eqx.Module):
    """A function that predicts a cube, and what is made of it: nothing is compiled again for another such."""

    whitening: AbstractWhitening
    predict: Callable[[Any], Float[Array, "y x wave"]]

    def __call__(self, model: Any) -> Float[Array, "row place wave"]:
        """The numbers of the noiseless cube of a model."""
        return self.whitening(self.predict(model))
