"""A posterior of any shape."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ifux.learning.gaussian import GaussianHead
from ifux.learning.head import AbstractHead


@final
class Coupling(eqx.Module):
    r"""Stretches and shifts one half of a vector by amounts that depend on the other half and on the context.

    $$y_\text{other} = e^{s}\,x_\text{other} + t, \quad (s, t) = f(x_\text{kept}, \text{context})$$

    References: Dinh, Sohl-Dickstein & Bengio (2017), ICLR (arXiv:1605.08803).
    """

    network: eqx.nn.MLP
    kept: int = eqx.field(static=True)
    flipped: bool = eqx.field(static=True)
    """Whether the last entries are those that stay."""

    @staticmethod
    def new(size: int, context: int, width: int, flipped: bool, *, key: PRNGKeyArray) -> "Coupling":
        """One that changes nothing yet."""
        kept = size // 2
        network = eqx.nn.MLP(kept + context, 2 * (size - kept), width, 1, jax.nn.gelu, key=key)
        last = jax.tree.map(jnp.zeros_like, network.layers[-1])
        return Coupling(eqx.tree_at(lambda n: n.layers[-1], network, last), kept, flipped)

    def parts(self, numbers: Float[Array, " parameter"], context: Float[Array, " context"]):
        """The half that stays, the half that moves, its logarithmic stretch, at most 2, and its shift."""
        numbers = numbers[::-1] if self.flipped else numbers
        kept, moved = numbers[: self.kept], numbers[self.kept :]
        stretch, shift = jnp.split(self.network(jnp.concatenate([kept, context])), 2)
        return kept, moved, 2 * jnp.tanh(stretch / 2), shift

    def joined(self, kept: Float[Array, " kept"], moved: Float[Array, " moved"]) -> Float[Array, " parameter"]:
        """Both halves in their order."""
        numbers = jnp.concatenate([kept, moved])
        return numbers[::-1] if self.flipped else numbers

    def forward(self, numbers: Float[Array, " parameter"], context: Float[Array, " context"]):
        """The other vector."""
        kept, moved, stretch, shift = self.parts(numbers, context)
        return self.joined(kept, jnp.exp(stretch) * moved + shift)

    def inverse(self, numbers: Float[Array, " parameter"], context: Float[Array, " context"]):
        """The first vector, and the logarithm of the volume that became one there."""
        kept, moved, stretch, shift = self.parts(numbers, context)
        return self.joined(kept, jnp.exp(-stretch) * (moved - shift)), -jnp.sum(stretch)


@final
class FlowHead(AbstractHead):
    """A normal distribution, bent by couplings that all depend on the context. A new head says what the prior says."""

    base: GaussianHead
    couplings: tuple[Coupling, ...]

    @staticmethod
    def new(size: int, context: int, *, width: int = 64, couplings: int = 4, key: PRNGKeyArray) -> "FlowHead":
        """For so many free numbers, at least two, and entries of the context."""
        if size < 2:
            raise ValueError(f"FlowHead needs at least two free numbers to couple, got {size}: use GaussianHead.")
        first, *keys = jax.random.split(key, couplings + 1)
        return FlowHead(
            GaussianHead.new(size, context, key=first),
            tuple(Coupling.new(size, context, width, i % 2 == 1, key=k) for i, k in enumerate(keys)),
        )

    def centre(self, context: Float[Array, " context"]) -> Float[Array, " parameter"]:
        """Where the mean of the normal distribution went."""
        numbers = self.base.centre(context)
        for coupling in self.couplings:
            numbers = coupling.forward(numbers, context)
        return numbers

    def log_prob(self, numbers: Float[Array, " parameter"], context: Float[Array, " context"]) -> Float[Array, ""]:
        """The density, back through the couplings."""
        volume = jnp.zeros((), numbers.dtype)
        for coupling in reversed(self.couplings):
            numbers, change = coupling.inverse(numbers, context)
            volume = volume + change
        return self.base.log_prob(numbers, context) + volume

    def sample(self, context: Float[Array, " context"], *, key: PRNGKeyArray) -> Float[Array, " parameter"]:
        """Some free numbers at random."""
        numbers = self.base.sample(context, key=key)
        for coupling in self.couplings:
            numbers = coupling.forward(numbers, context)
        return numbers
