"""From a cube to a short list of numbers that tells what matters."""

from functools import partial
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ifux.errors import InputError
from ifux.typing import DATA


@final
class CubeEncoder(eqx.Module):
    r"""A small convolutional network that looks at images of what spectra are made of.

    Every spectrum f is split into its brightness b, along the mean spectrum m of many mocks, and what differs in
    it, $(f - b\,m)/(|b| + \sigma)$, along the principal components of many mocks, where $\sigma$ is the noise of a
    channel. The arsinh of both are images, that of the brightness less its mean over the mocks and divided by what is
    left on average: a galaxy is bright in its middle, and what tells two apart is small beside that. Convolutions that
    halve the images, twice, and two dense layers make a context.
    """

    mean: Float[Array, " wave"] = eqx.field(metadata=DATA)
    """Root mean square one; zero in channels in which the mocks hold no number: gaps of the detector."""
    components: Float[Array, "feature wave"] = eqx.field(metadata=DATA)
    """Of spectra less their part along the mean; their size makes images of order one."""
    level: Float[Array, ""] = eqx.field(metadata=DATA)
    """Standard deviation of the noise of a channel [1e-20 erg/s/cm2/angstrom]."""
    image: Float[Array, "y x"] = eqx.field(metadata=DATA)
    """Mean image of the mocks."""
    contrast: Float[Array, ""] = eqx.field(metadata=DATA)
    """Standard deviation of the images about it."""
    convolutions: tuple[eqx.nn.Conv2d, ...]
    dense: eqx.nn.MLP

    @staticmethod
    def new(
        data: Float[Array, "mock y x wave"],
        level: float,
        *,
        features: int = 8,
        width: int = 32,
        context: int = 64,
        key: PRNGKeyArray,
    ) -> "CubeEncoder":
        """An encoder that is not trained, for cubes like some mocks.

        Args:
            data: Mocks, to find the components.
            level: Standard deviation of the noise of a channel [1e-20 erg/s/cm2/angstrom].
            features: How many components.
            width: Channels of the first convolution; the others have twice as many.
            context: Length of what comes out.

        Raises:
            InputError: the mocks are all alike, or hold numbers that are not finite.
        """
        data = jnp.where(jnp.isnan(data).all(axis=(0, 1, 2))[None, None, None], 0, data)
        if bad := int(np.sum(~np.isfinite(data).all(axis=(1, 2, 3)))):
            raise InputError(
                f"CubeEncoder: {bad} of {len(data)} mocks hold numbers that are not finite: leave them out, and look "
                "at what the prior draws."
            )
        spectra = np.asarray(data, np.float64).reshape(-1, data.shape[-1])
        mean = spectra.mean(axis=0)
        mean = mean / np.sqrt(np.mean(mean**2))
        brightness = spectra @ mean / mean.size
        rest = spectra - brightness[:, None] * mean
        # Bright spectra tell more than faint ones, but not by the square of their light.
        weighted = rest / np.sqrt(np.maximum(brightness, level))[:, None]
        rows = np.linalg.eigh(weighted.T @ weighted)[1][:, ::-1].T[:features]
        share = np.maximum(brightness, 0) / (np.abs(brightness) + level)
        along = rest @ rows.T / (np.abs(brightness) + level)[:, None]
        size = np.sqrt(share**2 @ along**2 / np.sum(share**2))
        components = rows / size[:, None]
        images = np.arcsinh(4 * brightness / level).reshape(data.shape[:3])
        image = images.mean(axis=0)
        contrast = (images - image).std()
        if not contrast > 0:
            raise InputError("CubeEncoder: the mocks are all alike: give several draws of a prior.")
        y, x = ((n + 3) // 4 for n in data.shape[1:3])
        keys = jax.random.split(key, 4)
        sizes = (features + 1, width, 2 * width, 2 * width)
        convolutions = tuple(
            eqx.nn.Conv2d(before, after, 3, stride, padding=1, dtype=data.dtype, key=k)
            for before, after, stride, k in zip(sizes, sizes[1:], (1, 2, 2), keys, strict=False)
        )
        dense = eqx.nn.MLP(
            2 * width * y * x, context, 4 * width, 1, jax.nn.gelu, jax.nn.gelu, dtype=data.dtype, key=keys[3]
        )
        number = partial(jnp.asarray, dtype=data.dtype)
        return CubeEncoder(
            number(mean), number(components), number(level), number(image), number(contrast), convolutions, dense
        )

    def __call__(self, data: Float[Array, "y x wave"]) -> Float[Array, " context"]:
        """The context of a cube.

        Raises:
            ValueError: the cube is of another precision than the network.
        """
        found = {leaf.dtype.name for leaf in jax.tree.leaves(eqx.filter(self, eqx.is_inexact_array))}
        if found != {data.dtype.name}:
            raise ValueError(
                f"CubeEncoder holds numbers of {' and '.join(sorted(found))}, and the cube is of {data.dtype.name}: "
                "cast one to the precision of the other."
            )
        mean, components, level, image, contrast = jax.lax.stop_gradient(
            (self.mean, self.components, self.level, self.image, self.contrast)
        )
        data = jnp.where((mean == 0)[None, None], 0, data)
        product = partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)
        brightness = product(data, mean) / mean.size
        along = product(data, components.T) - brightness[:, :, None] * product(components, mean)[None, None, :]
        along = jnp.arcsinh(along / (jnp.abs(brightness) + level)[:, :, None])
        light = (jnp.arcsinh(4 * brightness / level) - image) / contrast
        images = jnp.concatenate([light[None], jnp.moveaxis(along, 2, 0)])
        for convolution in self.convolutions:
            images = jax.nn.gelu(convolution(images))
        return self.dense(images.reshape(-1))
