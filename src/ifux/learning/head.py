"""What the last part of a network does: it says what can be known."""

from abc import abstractmethod

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray


class AbstractHead(eqx.Module):
    """A distribution of the free numbers of a prior, given a context: what an encoder makes of a cube."""

    @abstractmethod
    def centre(self, context: Float[Array, " context"]) -> Float[Array, " parameter"]:
        """One answer."""

    @abstractmethod
    def log_prob(self, numbers: Float[Array, " parameter"], context: Float[Array, " context"]) -> Float[Array, ""]:
        """The logarithm of the density."""

    @abstractmethod
    def sample(self, context: Float[Array, " context"], *, key: PRNGKeyArray) -> Float[Array, " parameter"]:
        """One draw; differentiable in the context and in the head for a fixed key."""
