"""Newton steps of the linear problem: the curvature of the penalty and the barrier, and nearly all of the data's.

$$P = D + E E^T, \\quad P^{-1} = D^{-1} - D^{-1} E (1 + E^T D^{-1} E)^{-1} E^T D^{-1}$$

D is the penalty and the barrier, small blocks on the diagonal. E spans what the data tell: were the inverse variance a
product of a map and a spectrum, the curvature would be the Kronecker product of a matrix over spaxels (the PSF) and one
over kinds (the templates), and E its eigenvectors, cut where the penalty alone decides.
"""

from abc import abstractmethod
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ifux.fitting.linear.operator import CubeOperator
from ifux.fitting.linear.penalty import Penalty

HIGHEST = jax.lax.Precision.HIGHEST

NEGLIGIBLE = 0.1
"""Curvature of the data that is left to the conjugate gradients [curvature of the penalty on the size]."""

SPAXELS, MODES = 5000, 3000
"""Largest wider field whose PSF is decomposed, and largest number of its modes that are solved for together."""


@final
class Diagonal(eqx.Module):
    """The matrix D of a spaxel's kinds, ready to be divided by."""

    penalty: Penalty
    operator: CubeOperator
    curvature: Float[Array, "spaxel kind"]
    factor: Float[Array, "spaxel group block block"] | None

    @staticmethod
    def of(operator: CubeOperator, penalty: Penalty, barrier: Float[Array, "spaxel kind"]) -> "Diagonal":
        """The penalty and the curvature of the barrier."""
        curvature, form = barrier + penalty.size, penalty.form(operator.telescope)
        if form is None:
            return Diagonal(penalty, operator, curvature, None)
        blocks = penalty.split(operator.telescope, curvature)
        full = jnp.asarray(form)[None, None] + blocks[..., :, None] * jnp.eye(form.shape[0])[None, None]
        return Diagonal(penalty, operator, curvature, jnp.linalg.cholesky(full))

    def divide(self, kinds: Float[Array, "spaxel kind"]) -> Float[Array, "spaxel kind"]:
        """The solution of D x = kinds."""
        if self.factor is None:
            return kinds / self.curvature
        blocks = self.penalty.split(self.operator.telescope, kinds)
        return self.penalty.join(jax.scipy.linalg.cho_solve((self.factor, True), blocks[..., None])[..., 0])

    def between(self, columns: Float[Array, "kind mode"]) -> Float[Array, "spaxel mode mode"]:
        """The products of columns with D in the denominator, spaxel by spaxel."""

        def one(parts) -> Float[Array, "mode mode"]:
            curvature, factor = jax.tree.map(lambda leaf: leaf[None], parts)
            alone = Diagonal(self.penalty, self.operator, curvature, factor)
            divided = jax.vmap(lambda column: alone.divide(column[None])[0], 1, 1)(columns)
            return jnp.matmul(columns.T, divided, precision=HIGHEST)

        return jax.lax.map(one, (self.curvature, self.factor))


class AbstractModes(eqx.Module):
    """The matrix E."""

    @abstractmethod
    def inner(self, diagonal: Diagonal) -> Float[Array, "*spaxel mode mode"]:
        """One and the product of E with itself, D in the denominator."""

    @abstractmethod
    def seen(self, kinds: Float[Array, "spaxel kind"]) -> Float[Array, "*spaxel mode"]:
        """The product of the transpose of E with weights."""

    @abstractmethod
    def shown(self, modes: Float[Array, "*spaxel mode"]) -> Float[Array, "spaxel kind"]:
        """The product of E with amplitudes of modes."""


@final
class SpaxelModes(AbstractModes):
    """Every spaxel by itself: exact without a PSF."""

    level: Float[Array, " spaxel"]
    """Root of the weight of the data in a spaxel."""
    columns: Float[Array, "kind mode"]

    def inner(self, diagonal: Diagonal) -> Float[Array, "spaxel mode mode"]:
        """A matrix for every spaxel."""
        return jnp.eye(self.columns.shape[1])[None] + self.level[:, None, None] ** 2 * diagonal.between(self.columns)

    def seen(self, kinds: Float[Array, "spaxel kind"]) -> Float[Array, "spaxel mode"]:
        """Modes of every spaxel."""
        return self.level[:, None] * jnp.matmul(kinds, self.columns, precision=HIGHEST)

    def shown(self, modes: Float[Array, "spaxel mode"]) -> Float[Array, "spaxel kind"]:
        """Kinds of every spaxel."""
        return jnp.matmul(self.level[:, None] * modes, self.columns.T, precision=HIGHEST)


@final
class FieldModes(AbstractModes):
    """Modes of the whole field: an eigenvector of the PSF times one of the templates."""

    maps: Float[Array, "map spaxel"]
    columns: Float[Array, "kind column"]
    map_of: Int[Array, " mode"]
    column_of: Int[Array, " mode"]

    def inner(self, diagonal: Diagonal) -> Float[Array, "mode mode"]:
        """One matrix, a column of the templates after the other."""
        products = diagonal.between(self.columns)
        maps = self.maps[self.map_of].T

        def row(product: Float[Array, "spaxel column"]) -> Float[Array, "map mode"]:
            return jnp.matmul(self.maps, product[:, self.column_of] * maps, precision=HIGHEST)

        rows = jax.lax.map(row, jnp.swapaxes(products, 0, 1))
        return jnp.eye(self.map_of.size) + rows[self.column_of, self.map_of]

    def seen(self, kinds: Float[Array, "spaxel kind"]) -> Float[Array, " mode"]:
        """Those pairs of a map and a column that are modes."""
        columns = jnp.matmul(kinds, self.columns, precision=HIGHEST)
        return jnp.matmul(self.maps, columns, precision=HIGHEST)[self.map_of, self.column_of]

    def shown(self, modes: Float[Array, " mode"]) -> Float[Array, "spaxel kind"]:
        """The transpose of `seen`."""
        grid = jnp.zeros((self.maps.shape[0], self.columns.shape[1])).at[self.map_of, self.column_of].add(modes)
        return jnp.matmul(jnp.matmul(self.maps.T, grid, precision=HIGHEST), self.columns.T, precision=HIGHEST)


def modes_of(
    operator: CubeOperator, light: Float[Array, " kind"], inverse: Float[Array, "y x wave"], penalty: Penalty
) -> AbstractModes:
    """The modes of the data, found on the host: their number depends on the noise."""
    strength, columns = along_kinds(operator, light, inverse)
    tall, wide, _ = operator.shape
    if operator.telescope.margin == 0 or tall * wide > SPAXELS:
        flat = jnp.ones((tall, wide, 1))
        back = jax.linear_transpose(operator.blurred, flat)
        around = np.asarray(back(inverse.mean(axis=2)[:, :, None] * operator.blurred(flat))[0]).reshape(-1)
        kept = max(1, int(np.sum(strength * around.max() > NEGLIGIBLE * penalty.size)))
        used = jnp.asarray(columns[:, :kept] * np.sqrt(strength[:kept]))
        return SpaxelModes(jnp.sqrt(jnp.asarray(np.maximum(around, 0))), used)
    amplitude, maps = along_sky(operator, inverse)
    curvature = amplitude[:, None] ** 2 * strength[None, :]
    threshold = max(NEGLIGIBLE * penalty.size, np.sort(curvature, axis=None)[-min(MODES, curvature.size)])
    map_of, column_of = np.nonzero(curvature >= min(threshold, curvature.max()))
    return FieldModes(
        jnp.asarray((amplitude[:, None] * maps)[: map_of.max() + 1]),
        jnp.asarray((columns * np.sqrt(strength))[:, : column_of.max() + 1]),
        jnp.asarray(map_of),
        jnp.asarray(column_of),
    )


def along_kinds(
    operator: CubeOperator, light: Float[Array, " kind"], inverse: Float[Array, "y x wave"]
) -> tuple[Float[np.ndarray, " mode"], Float[np.ndarray, "kind mode"]]:
    """Eigenvalues, falling, and eigenvectors of the templates' products, for weights counted in light.

    Wavelengths count as they do on average over the field, with a mean weight of one.
    """
    spectrum = jnp.repeat(inverse.mean(axis=(0, 1)) / inverse.mean(), operator.telescope.lsf.oversampling)
    templates = light[:, None] * operator.templates
    gram = jnp.matmul(templates * spectrum[None], templates.T, precision=HIGHEST)
    strength, columns = np.linalg.eigh(np.asarray(gram))
    return np.maximum(strength[::-1], 0), columns[:, ::-1]


def along_sky(
    operator: CubeOperator, inverse: Float[Array, "y x wave"]
) -> tuple[Float[np.ndarray, " mode"], Float[np.ndarray, "mode spaxel"]]:
    """Singular values, falling, and patterns on the sky of the PSF, each spaxel over its mean noise."""
    tall, wide, _ = operator.shape
    every = jnp.eye(tall * wide, dtype=operator.templates.dtype).reshape(tall, wide, -1)
    blur = np.asarray(operator.blurred(every)).reshape(-1, tall * wide)
    _, amplitude, maps = np.linalg.svd(
        blur * np.sqrt(np.asarray(inverse.mean(axis=2)).reshape(-1, 1)), full_matrices=False
    )
    return amplitude, maps


@final
class Inverse(eqx.Module):
    """The inverse of P."""

    diagonal: Diagonal
    modes: AbstractModes
    factor: Float[Array, "*spaxel mode mode"]

    @staticmethod
    def of(diagonal: Diagonal, modes: AbstractModes) -> "Inverse":
        """Factors what is between the modes."""
        return Inverse(diagonal, modes, jnp.linalg.cholesky(modes.inner(diagonal)))

    def __call__(self, kinds: Float[Array, "spaxel kind"]) -> Float[Array, "spaxel kind"]:
        """The formula of Woodbury."""
        divided = self.diagonal.divide(kinds)
        amplitudes = jax.scipy.linalg.cho_solve((self.factor, True), self.modes.seen(divided)[..., None])[..., 0]
        return divided - self.diagonal.divide(self.modes.shown(amplitudes))
