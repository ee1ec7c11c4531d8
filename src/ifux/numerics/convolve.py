"""Convolutions: with a kernel in a plane, and with a Gaussian of varying width along a line."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.numerics import chebyshev


def fast_length(length: int) -> int:
    """The smallest 5-smooth number not below a length: a good size for a fast Fourier transform."""
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1


def blur_plane(
    maps: Float[Array, "tall wide channel"], kernels: Float[Array, "term v u"]
) -> Float[Array, "term y x channel"]:
    """Convolves every channel with each kernel and keeps the places where the whole kernel fits.

    Computed with zero-padded transforms: nothing wraps around.
    """
    tall, wide, _ = maps.shape
    _, v, u = kernels.shape
    size = (fast_length(tall), fast_length(wide))
    transform = jnp.fft.rfft2(maps, size, axes=(0, 1))

    def blurred(kernel: Float[Array, "v u"]) -> Float[Array, "y x channel"]:
        product = transform * jnp.fft.rfft2(kernel, size)[:, :, None]
        return jnp.fft.irfft2(product, size, axes=(0, 1))[v - 1 : tall, u - 1 : wide].astype(maps.dtype)

    return jnp.stack([blurred(kernel) for kernel in kernels])


def blur_line(
    lines: Float[Array, "line pixel"], variance: Float[Array, "*case pixel"], *, nodes: int = 6
) -> Float[Array, "*case line pixel"]:
    r"""Convolves along pixels with a Gaussian whose variance [pixel^2] changes slowly along them.

    Several cases, of variances that are not far from one another, cost little more than one.

    Exact for band-limited lines: the transform is multiplied with $\exp(-\sigma^2 k^2 / 2)$ at a few variances
    between the smallest and the largest, and the results are interpolated in the variance. That is smooth down to
    a variance of zero. The lines go on as their mirror image beyond the ends.
    """
    low = jax.lax.stop_gradient(variance.min())
    high = jax.lax.stop_gradient(variance.max())
    middle = (low + high) / 2
    half = jnp.maximum((high - low) / 2, 0.01 * (1 + middle))
    pixels = lines.shape[-1]
    reach = min(pixels - 1, 256)
    mirrored = jnp.pad(lines, ((0, 0), (reach, reach)), mode="symmetric")
    length = fast_length(pixels + 2 * reach)
    transform = jnp.fft.rfft(mirrored, length, axis=-1)
    square = jnp.asarray((2 * np.pi * np.fft.rfftfreq(length)) ** 2, lines.dtype)
    shares = chebyshev.weights(((variance - middle) / half).reshape(-1), nodes).T.reshape(nodes, *variance.shape)

    def line(response: Float[Array, " frequency"]) -> Float[Array, "line pixel"]:
        blurred = jnp.fft.irfft(transform * response.astype(transform.dtype)[None, :], length, axis=-1)
        return blurred[:, reach : reach + pixels]

    # What differs from the middle is found apart from it: the gradient divides its rounding errors by a small number.
    damping = jnp.exp(-0.5 * middle * square)
    result = jnp.broadcast_to(line(damping), (*variance.shape[:-1], *lines.shape))
    for share, node in zip(shares, chebyshev.points(nodes).tolist(), strict=True):
        difference = line(damping * jnp.expm1(-0.5 * node * half * square))
        result = result + share[..., None, :] * difference.reshape(*(1,) * (share.ndim - 1), *difference.shape)
    return result
