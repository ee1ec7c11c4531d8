"""A network that answers a cube with a distribution."""

from collections.abc import Callable
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Float, PRNGKeyArray

from ifux.fitting import chi_squared
from ifux.fitting.losses import Cubes, total
from ifux.learning.batches import Batch
from ifux.learning.each import each
from ifux.learning.head import AbstractHead
from ifux.learning.prior import Prior
from ifux.observation import Observation


@final
class Posterior(eqx.Module):
    """An encoder and a head: what a cube says about the free numbers of a prior.

    Or those of all arms of a spectrograph, which `ArmsEncoder` reads.
    """

    encoder: Callable[[Cubes], Float[Array, " context"]]
    head: AbstractHead

    def centre(self, data: Cubes) -> Float[Array, " parameter"]:
        """One answer."""
        return self.head.centre(self.encoder(data))

    def log_prob(self, numbers: Float[Array, " parameter"], data: Cubes) -> Float[Array, ""]:
        """The density at some free numbers."""
        return self.head.log_prob(numbers, self.encoder(data))

    def sample(self, data: Cubes, count: int, *, key: PRNGKeyArray) -> Float[Array, "draw parameter"]:
        """Draws of the free numbers."""
        context = self.encoder(data)
        return jax.vmap(lambda key: self.head.sample(context, key=key))(jax.random.split(key, count))


def surprise(posterior: Posterior, batch: Batch, *, held: bool = False) -> Float[Array, ""]:
    """The mean of minus the logarithm of the posterior at the truth.

    Its minimum over all networks is the true posterior, with its widths and correlations. But where a network is sure
    it learns much, and where it is not, nothing: its centres come late. With `held`, the widths learn around centres
    that stay where they are; leave those to `squares`. A normal distribution ends at the same optimum, much sooner.

    References: Papamakarios & Murray (2016), NeurIPS (arXiv:1605.06376); Seitzer et al. (2022), ICLR
    (arXiv:2203.09168), on what is wrong with the gradient of the centre.
    """

    def one(posterior, numbers, data):
        context = posterior.encoder(data)
        if held:
            centre = posterior.head.centre(context)
            numbers = numbers + (centre - jax.lax.stop_gradient(centre))
        return posterior.head.log_prob(numbers, context)

    return -jnp.mean(eqx.filter_vmap(one, in_axes=(None, 0, 0))(posterior, batch.numbers, batch.data))


def squares(posterior: Posterior, batch: Batch) -> Float[Array, ""]:
    """The mean over mocks of the squared errors of the centre: its minimum is the mean of the true posterior."""
    return jnp.mean(jnp.sum((eqx.filter_vmap(posterior.centre)(batch.data) - batch.numbers) ** 2, axis=1))


def misfit(
    prior: Prior[Observation],
    numbers: Float[Array, "mock parameter"],
    data: Float[Array, "mock *element wave"] | dict[str, Float[Array, "mock ..."]],
    *,
    mesh: Mesh | None = None,
) -> Float[Array, ""]:
    r"""How badly the telescope reproduces the data from answers: the mean over mocks of $\tfrac12 \log(\chi^2/n)$.

    Zero where all that is left is noise. Gradients go through the whole telescope; by the logarithm, one mock that is
    far off does not outweigh the rest. The data of all arms of a spectrograph count together. With a mesh, each device
    has its share of the mocks; in the loss of a `train` that has one, they are shared already.
    """

    def one(prior, numbers, data):
        observation = prior(numbers)
        elements = observation.expose()
        squares = 2 * chi_squared(data, elements, observation.variance(elements))
        counted = total(jax.tree.map(lambda data: (~jnp.isnan(data)).astype(data.dtype), data))
        return 0.5 * jnp.log(squares / counted)

    return jnp.mean(each(one, prior, numbers, data, mesh=mesh))
