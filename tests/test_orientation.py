"""A galaxy is turned, not bent and not mirrored, and the angles mean what observers mean by them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages

from ifux import EulerOrientation, FixedTarget, InclinedOrientation, Particles
from ifux.orientation import principal_axes
from ifux.typing import real
from ifux.units import ARCSEC

ANGLES = [(0.0, 0.0), (35.0, 20.0), (90.0, 130.0), (140.0, 250.0)]


@eqx.filter_jit
def turned(orientation, particles):
    """Seen from where a kiloparsec is an arcsecond."""
    return FixedTarget(0.0, 1e-3 / ARCSEC).project(orientation(particles))


@eqx.filter_jit
def matrix(orientation):
    return orientation.rotation()


def disc(count=4000, seed=0, turn=None):
    """A thin disc about the third axis, rotating counterclockwise about it, drawn out a little along the first."""
    rng = np.random.default_rng(seed)
    radius, angle = rng.gamma(2.0, 1.0, count), rng.uniform(0, 2 * np.pi, count)
    position = np.stack([1.25 * radius * np.cos(angle), radius * np.sin(angle), 0.05 * rng.normal(size=count)], axis=1)
    velocity = 200 * np.stack([-np.sin(angle), np.cos(angle), 0.0 * angle], axis=1)
    turn = np.eye(3) if turn is None else turn
    ones = np.ones(count)
    return Particles(position @ turn.T, velocity @ turn.T, ones, ones, 0.02 * ones)


def random_rotation(seed):
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return matrix * np.sign(np.linalg.det(matrix))


@pytest.mark.parametrize("name", stages.ORIENTATIONS)
def test_rotation_does_not_mirror(bits, name):
    rotation = np.asarray(matrix(stages.ORIENTATIONS[name]()), np.float64)
    tolerance = 1e-6 if bits == 32 else 1e-14
    assert np.linalg.det(rotation) == pytest.approx(1, abs=tolerance)
    assert np.allclose(rotation @ rotation.T, np.eye(3), rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", stages.ORIENTATIONS)
def test_rotation_keeps_lengths(bits, name):
    particles = stages.particles()
    seen = turned(stages.ORIENTATIONS[name](), particles)
    length = np.linalg.norm(np.column_stack([seen.sky, seen.depth]), axis=1)
    assert np.allclose(length, np.linalg.norm(particles.position, axis=1), rtol=1e-6 if bits == 32 else 1e-14)
    assert np.all(np.abs(seen.velocity) <= np.linalg.norm(particles.velocity, axis=1) * (1 + 1e-6))


@pytest.mark.parametrize("name", stages.ORIENTATIONS)
def test_what_is_no_place_is_untouched(name):
    particles = stages.particles()
    seen = turned(stages.ORIENTATIONS[name](), particles)
    for leaf in ("mass", "age", "metallicity"):
        assert np.array_equal(getattr(seen, leaf), getattr(particles, leaf))


def test_spin_points_at_the_observer_at_inclination_zero(bits):
    for position_angle in (0.0, 77.0):
        spin = matrix(InclinedOrientation(0.0, position_angle)) @ real([0.0, 0.0, 1.0])
        assert np.allclose(spin, [0, 0, -1], rtol=0, atol=1e-6 if bits == 32 else 1e-15)


def test_face_on_disc_turns_counterclockwise_on_the_sky():
    """Seen from the tip of its spin, with north up and east to the left."""
    seen = turned(InclinedOrientation(0.0), disc())
    particles = disc()
    later = eqx.tree_at(lambda p: p.position, particles, particles.position + 1e-4 * particles.velocity)
    motion = np.asarray(turned(InclinedOrientation(0.0), later).sky) - np.asarray(seen.sky)
    east, north = np.asarray(seen.sky).T
    # Counterclockwise with east to the left: from north to east.
    assert np.all(north * motion[:, 0] - east * motion[:, 1] > 0)


@pytest.mark.parametrize("inclination", [30.0, 60.0, 90.0])
@pytest.mark.parametrize("position_angle", [0.0, 45.0, 90.0, 200.0])
def test_receding_half_lies_at_the_position_angle(bits, inclination, position_angle):
    """North through east, read from the velocity field: v = V sin(i) cos(angle from the major axis)."""
    seen = turned(InclinedOrientation(inclination, position_angle), disc())
    east, north = np.asarray(seen.sky, np.float64).T
    radians = np.radians(position_angle)
    along = east * np.sin(radians) + north * np.cos(radians)
    velocity = np.asarray(seen.velocity, np.float64)
    assert np.all(velocity * along >= 0)
    rotation = np.sum(np.asarray(disc().velocity) ** 2, axis=1) ** 0.5 * np.sin(np.radians(inclination))
    place = np.asarray(disc().position, np.float64)
    cosine = place[:, 0] / 1.25 / np.hypot(place[:, 0] / 1.25, place[:, 1])
    assert np.allclose(velocity, rotation * cosine, rtol=0, atol=1e-3 if bits == 32 else 1e-10)


def test_edge_on_disc_is_thin():
    seen = turned(InclinedOrientation(90.0, 40.0), disc())
    radians = np.radians(40.0)
    east, north = np.asarray(seen.sky).T
    across = east * np.cos(radians) - north * np.sin(radians)
    assert np.std(across) == pytest.approx(np.std(np.asarray(disc().position)[:, 2]), rel=1e-4)
    face_on = np.asarray(turned(InclinedOrientation(0.0), disc()).sky)
    assert np.std(across) < 0.05 * face_on.std()


def test_no_angle_leaves_the_axes_of_the_snapshot(bits):
    assert np.array_equal(matrix(EulerOrientation()), np.eye(3))


def test_euler_angles_turn_about_fixed_axes(double):
    """z-x-z: the product of three rotations, and the same as those of scipy."""
    from scipy.spatial.transform import Rotation

    ours = matrix(EulerOrientation(20.0, 50.0, 70.0))
    assert np.allclose(ours, Rotation.from_euler("zxz", [20, 50, 70], degrees=True).as_matrix(), rtol=0, atol=1e-15)


@pytest.mark.parametrize("seed", range(6))
def test_principal_axes_of_a_tilted_disc_are_found(seed):
    turn = random_rotation(seed)
    axes = principal_axes(disc(turn=turn))
    assert np.linalg.det(axes) == pytest.approx(1, abs=1e-12)
    assert np.allclose(axes @ axes.T, np.eye(3), rtol=0, atol=1e-12)
    # The disc is 0.05 thick and two wide, from a few thousand stars: its axes are known to a fraction of a degree.
    assert axes[2] @ turn[:, 2] > np.cos(np.radians(0.5))
    assert abs(axes[0] @ turn[:, 0]) > np.cos(np.radians(10.0))


@pytest.mark.parametrize("seed", range(3))
def test_aligned_disc_looks_the_same_from_any_snapshot_frame(seed):
    orientation = InclinedOrientation(60.0, 30.0)
    reference = turned(orientation.aligned_to(disc()), disc())
    particles = disc(turn=random_rotation(seed))
    seen = turned(orientation.aligned_to(particles), particles)
    # The two ends of the major axis are alike: half a turn about the spin is left open.
    flipped = np.mean(np.asarray(seen.sky) * np.asarray(reference.sky)) < 0
    sign = -1 if flipped else 1
    assert np.allclose(sign * np.asarray(seen.velocity), reference.velocity, rtol=0, atol=1e-2)


def test_spin_decides_between_the_two_sides():
    particles = disc()
    backwards = eqx.tree_at(lambda p: p.velocity, particles, -particles.velocity)
    assert principal_axes(particles)[2, 2] > 0.99
    assert principal_axes(backwards)[2, 2] < -0.99


def test_stars_without_mass_do_not_turn_the_galaxy():
    particles, rng = disc(), np.random.default_rng(0)
    padded = jax.tree.map(
        lambda leaf: jnp.concatenate([leaf, real(rng.normal(size=(500, *leaf.shape[1:])))]), particles
    )
    padded = eqx.tree_at(lambda p: p.mass, padded, jnp.concatenate([particles.mass, jnp.zeros(500)]))
    assert np.allclose(principal_axes(padded), principal_axes(particles), rtol=0, atol=1e-12)


def test_alignment_is_a_constant():
    """It has no gradient itself, and a star that moves does not turn the others."""
    particles = disc(300)
    orientation = InclinedOrientation(60.0, 30.0).aligned_to(particles)

    @eqx.filter_jit
    @eqx.filter_grad
    def slope(both):
        orientation, particles = both
        return jnp.sum(turned(orientation, particles).sky[0] ** 2)

    by_orientation, by_particles = slope((orientation, particles))
    assert np.all(np.asarray(by_orientation.axes) == 0)
    assert float(by_orientation.inclination) != 0
    assert np.any(np.asarray(by_particles.position[0]) != 0) and np.all(np.asarray(by_particles.position[1:]) == 0)


def test_alignment_of_a_traced_galaxy_is_an_error():
    with pytest.raises(TypeError, match="align the orientation before you jit"):
        jax.eval_shape(principal_axes, disc(10))


@pytest.mark.parametrize("azimuth", [90.0, 200.0])
def test_galaxy_turns_about_its_own_spin(double, azimuth):
    """As if its stars had gone on on their circles: the line of nodes stays, what lies on it changes."""
    particles, spin = disc(), np.radians(azimuth)
    about = np.array([[np.cos(spin), -np.sin(spin), 0], [np.sin(spin), np.cos(spin), 0], [0, 0, 1]])
    later = Particles(
        particles.position @ about.T, particles.velocity @ about.T, particles.mass, particles.age, particles.metallicity
    )
    ours, theirs = (
        turned(InclinedOrientation(55.0, 20.0, azimuth), particles),
        turned(InclinedOrientation(55.0, 20.0), later),
    )
    assert np.allclose(ours.sky, theirs.sky, rtol=0, atol=1e-12)
    assert np.allclose(ours.velocity, theirs.velocity, rtol=0, atol=1e-10)
    flat = turned(InclinedOrientation(0.0, 20.0, azimuth), particles)
    plain = turned(InclinedOrientation(0.0, 20.0), particles)
    turn = np.mean(
        np.asarray(plain.sky)[:, 0] * np.asarray(flat.sky)[:, 1]
        - np.asarray(plain.sky)[:, 1] * np.asarray(flat.sky)[:, 0]
    )
    # Counterclockwise with east to the left, as the galaxy rotates: from north to east.
    assert np.sign(-turn) == np.sign(np.sin(spin))
