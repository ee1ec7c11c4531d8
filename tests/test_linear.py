"""With a telescope fixed the cube is linear: the adjoint is exact, and the distribution behind it is found again."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages
from scipy.optimize import nnls

from ifux import (
    ChromaticPSF,
    FixedTarget,
    GridSSP,
    InclinedOrientation,
    InputError,
    LowRankSSP,
    MoffatPSF,
    NoPSF,
    Slicer,
    SquareSpaxels,
    TargetSNRNoise,
    Telescope,
    VelocityChannels,
    Wavelengths,
    instruments,
)
from ifux.config.build import module
from ifux.fitting import CubeOperator, Penalty, distribution, resolution, solve
from ifux.galaxies import DiscBulge
from ifux.io import embedded_library


def dot_product_error(operator, seed=1):
    """How far <A w, d> is from <w, A^T d>, relative to the lengths of A w and d."""
    rng = np.random.default_rng(seed)
    weights = jnp.asarray(rng.normal(size=operator.shape))
    shown = eqx.filter_jit(operator)(weights)
    cube = jnp.asarray(rng.normal(size=shown.shape))
    back = eqx.filter_jit(operator.adjoint)(cube)
    scale = jnp.linalg.norm(shown) * jnp.linalg.norm(cube)
    return abs(float(jnp.vdot(shown, cube) - jnp.vdot(weights, back))) / float(scale)


seen_by = eqx.filter_jit(lambda telescope, stars: telescope.weights(stars))

PLANES = {"fibres": stages.fibres}
STAGES = [
    (family, name)
    for family, members in (
        ("psf", stages.PSFS), ("lsf", stages.LSFS), ("kinematics", stages.KINEMATICS), ("focal_plane", PLANES),
    )
    for name in members
]  # fmt: skip


@pytest.mark.parametrize(("family", "name"), STAGES)
def test_adjoint_is_exact_for_every_stage(double, family, name):
    members = {"psf": stages.PSFS, "lsf": stages.LSFS, "kinematics": stages.KINEMATICS, "focal_plane": PLANES}
    operator = CubeOperator.of(stages.telescope(**{family: members[family][name]()}))
    assert dot_product_error(operator) < 1e-12


def thinned(metallicities=(4, 7, 9), ages=(20, 32, 41)):
    """A few populations of the embedded library."""
    library = embedded_library()
    flux = library.flux[np.ix_(metallicities, ages)]
    return replace(library, metallicity=library.metallicity[[*metallicities]], age=library.age[[*ages]], flux=flux)


def mock(snr=50.0, **changes):
    """An operator, data, their variance and the true weights: few kinds, so that other solvers can follow."""
    kinematics, ssp = VelocityChannels(400.0, 100.0), GridSSP.from_library(stages.library(metallicities=2, ages=3))
    telescope = stages.telescope(
        **{
            "spaxels": SquareSpaxels(0.4, (3, 2)),
            "psf": MoffatPSF(1.2, reach=2),
            "kinematics": kinematics,
            "ssp": ssp,
            "noise": TargetSNRNoise(snr),
        }
        | changes
    )
    operator = CubeOperator.of(telescope)
    truth = seen_by(telescope, stages.particles(200))
    clean = eqx.filter_jit(operator)(truth)
    return operator, telescope.noise.sample(clean, key=jax.random.key(2)), telescope.noise.variance(clean), truth


def loss_of(operator, data, variance, penalty, light):
    """The loss as a formula, in weights counted in light, apart from the solver's code."""
    telescope = operator.telescope
    shape = telescope.kinematics.size, telescope.ssp.metallicity.size, telescope.ssp.age.size
    counts = jnp.isfinite(variance)

    def loss(x):
        grid = x.reshape(*x.shape[:2], *shape)
        rough = penalty.size * jnp.sum(x**2)
        for axis, strength in ((2, penalty.velocity), (3, penalty.metallicity), (4, penalty.age)):
            rough += strength * jnp.sum(jnp.diff(grid, n=2, axis=axis) ** 2)
        pulls = jnp.where(counts, (jnp.where(counts, data, 0) - operator(x * light)) ** 2, 0)
        return 0.5 * jnp.sum(pulls / jnp.where(counts, variance, 1)) + 0.5 * rough

    return loss


def light_of(operator, data, variance):
    """Mass of an even share of the light of the brightest spaxel."""
    counts = np.isfinite(variance)
    mean = np.where(counts, data, 0).sum(axis=2) / np.maximum(counts.sum(axis=2), 1.0)
    return jnp.asarray(np.abs(mean).max() / (operator.templates.mean(axis=1) * operator.shape[2]))[None, None, :]


def masked(variance):
    """Noise that is no product of a map and a spectrum, and voxels that do not count."""
    rng = np.random.default_rng(5)
    varied = variance * jnp.asarray(rng.uniform(0.5, 2, variance.shape))
    return jnp.where(jnp.asarray(rng.uniform(size=variance.shape) < 0.1), jnp.inf, varied).at[0, 0].set(jnp.inf)


def chromatic():
    return ChromaticPSF(MoffatPSF(1.2, reach=2), -0.3, 4900.0, band=(4800.0, 5000.0), terms=3)


PROBLEMS = {
    "plain": ({}, Penalty(), False),
    "no PSF": ({"psf": NoPSF}, Penalty(), False),
    "smooth along velocity": ({}, Penalty(0.01, velocity=0.3), False),
    "smooth along age": ({}, Penalty(0.01, age=0.3), False),
    "smooth along all": ({}, Penalty(0.01, velocity=0.3, age=0.3, metallicity=0.1), False),
    "masked": ({}, Penalty(), True),
    "chromatic": ({"psf": chromatic}, Penalty(), True),
    "fibres": ({"focal_plane": lambda: stages.fibres(reach=3)}, Penalty(0.01), False),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PROBLEMS if name not in ("plain", "smooth along age")])
def test_solution_has_the_least_loss(double, name):
    changes, penalty, hidden = PROBLEMS[name]
    operator, data, variance, _ = mock(**{family: make() for family, make in changes.items()})
    if hidden:
        variance = masked(variance)
        data = jnp.where(jnp.isfinite(variance), data, jnp.nan)
    found = solve(operator, data, variance, penalty=penalty, tolerance=1e-4)
    assert float(found.weights.min()) >= 0 and found.gap <= 1e-4, found.reason
    light = light_of(operator, data, variance)
    loss = loss_of(operator, data, variance, penalty, light)
    x = found.weights / light
    graded = jax.jit(jax.value_and_grad(loss))
    value, slope = graded(x)
    assert found.loss == pytest.approx(float(value), rel=1e-9)
    # No other weights are better by more than the gap: neither on the way down nor at random places nearby.
    rng = np.random.default_rng(3)
    for scale in (1e-3, 1e-2, 1e-1):
        other = jnp.maximum(x - scale * slope + jnp.asarray(scale * rng.normal(size=x.shape)), 0)
        assert float(graded(other)[0]) > found.loss - found.gap
    # Karush, Kuhn and Tucker: the slope is zero where there is weight, and not negative where there is none.
    scale = float(jnp.abs(graded(jnp.zeros_like(x))[1]).max())
    assert float(slope.min()) > -1e-5 * scale
    assert float(jnp.sum(x * slope)) < 2e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "smooth along age", "masked"])
def test_solution_is_that_of_an_active_set(double, name):
    """Lawson & Hanson's method on the matrix itself, which is small here, stacked on the root of the penalty."""
    _, penalty, hidden = PROBLEMS[name]
    operator, data, variance, _ = mock(spaxels=SquareSpaxels(0.4, (2, 2)), psf=MoffatPSF(1.2, reach=1))
    variance = masked(variance) if hidden else variance
    light = light_of(operator, data, variance)
    found = solve(operator, data, variance, penalty=penalty, tolerance=1e-6)
    size = int(np.prod(operator.shape))
    eye = jnp.eye(size).reshape(size, *operator.shape)
    matrix = np.asarray(jax.lax.map(lambda w: operator(w * light), eye)).reshape(size, -1).T
    root = np.sqrt(1 / np.asarray(variance)).reshape(-1)
    pure = loss_of(operator, jnp.zeros_like(data), jnp.full_like(variance, jnp.inf), penalty, light)
    form = np.asarray(jax.jit(jax.hessian(lambda x: pure(x.reshape(operator.shape))))(jnp.zeros(size)))
    stacked = np.vstack([root[:, None] * matrix, np.linalg.cholesky(form).T])
    best, _ = nnls(stacked, np.concatenate([root * np.asarray(data).reshape(-1), np.zeros(size)]), maxiter=20 * size)
    assert np.abs(np.asarray(found.weights / light).reshape(-1) - best).max() < 0.02 * best.max()
    residual = stacked @ (np.asarray(found.weights / light).reshape(-1) - best)
    assert np.linalg.norm(residual) < 2e-3


def test_steps_are_few_where_gradients_need_thousands(double):
    """Accelerated projected gradients with restarts (Beck & Teboulle 2009; O'Donoghue & Candes 2015)."""
    operator, data, variance, _ = mock(500.0)
    light, penalty = light_of(operator, data, variance), Penalty()
    loss = loss_of(operator, data, variance, penalty, light)
    found = solve(operator, data, variance, penalty=penalty)
    assert found.gap <= 0.1 and found.applications[-1] < 200

    @jax.jit
    def descend(begin):
        def curved(_, direction):
            return jax.jvp(jax.grad(loss), (begin,), (direction / jnp.linalg.norm(direction),))[1]

        pace = 1 / (1.05 * jnp.linalg.norm(jax.lax.fori_loop(0, 30, curved, jnp.ones_like(begin))))

        def step(carry, _):
            x, ahead, momentum = carry
            following = jnp.maximum(ahead - pace * jax.grad(loss)(ahead), 0)
            backward = jnp.sum((ahead - following) * (following - x)) > 0
            momentum = jnp.where(backward, 1.0, momentum)
            faster = (1 + jnp.sqrt(1 + 4 * momentum**2)) / 2
            ahead = following + jnp.where(backward, 0.0, (momentum - 1) / faster) * (following - x)
            return (following, ahead, faster), None

        carry, _ = jax.lax.scan(step, (begin, begin, jnp.ones(())), None, length=3000)
        return loss(carry[0])

    reached = float(descend(jnp.zeros(operator.shape)))
    assert reached > found.loss - found.gap
    assert reached > found.loss + 1, "gradients have become quick: say so in the documentation"


def test_single_precision_is_enough_for_the_caller():
    operator, data, variance, _ = mock()
    found = solve(operator, data, variance)
    assert found.weights.dtype == jnp.float32 and found.gap <= 0.1


def test_what_cannot_be_solved_is_one_sentence(double):
    operator, data, variance, _ = mock()
    with pytest.raises(InputError, match="size must be positive"):
        Penalty(0.0)
    with pytest.raises(InputError, match="infinite masks a voxel"):
        solve(operator, data, jnp.full_like(variance, jnp.inf))
    with pytest.raises(InputError, match="data are not finite"):
        solve(operator, data.at[0, 0, 0].set(jnp.nan), variance)
    low = CubeOperator.of(stages.telescope(ssp=LowRankSSP.from_library(stages.library(), 1e-3)))
    blank = jnp.ones((8, 9, stages.OBSERVED.size))
    with pytest.raises(InputError, match="use GridSSP"):
        solve(low, blank, blank)
    with pytest.raises(InputError, match="use VelocityChannels and GridSSP"):
        distribution(low, jnp.ones(low.shape))


def test_distribution_has_the_moments_of_the_particles(double):
    """All stars in one spaxel, inside the library's grid: nodes share a star so that its moments stay."""
    telescope = stages.telescope(
        spaxels=SquareSpaxels(60.0, (1, 1), degree=0), psf=NoPSF(), kinematics=VelocityChannels(500.0, 50.0)
    )
    stars = stages.particles(400)
    rng = np.random.default_rng(8)
    stars = replace(
        stars,
        velocity=jnp.asarray(rng.normal(size=(400, 3)) * 80),
        age=jnp.asarray(10 ** rng.uniform(-0.9, 1.0, 400)),
        metallicity=jnp.asarray(10 ** rng.uniform(-3.2, -1.6, 400)),
    )
    found = distribution(CubeOperator.of(telescope), seen_by(telescope, stars)[0, 0])
    velocity, mass = np.asarray(telescope.project(stars).velocity), np.asarray(stars.mass)
    mean = np.average(velocity, weights=mass)
    assert float(found.mass) == pytest.approx(mass.sum())
    assert float(found.velocity) == pytest.approx(mean, abs=1e-3)
    assert float(found.dispersion) == pytest.approx(np.sqrt(np.average((velocity - mean) ** 2, weights=mass)), abs=0.01)
    assert float(found.age) == pytest.approx(np.average(np.log10(stars.age), weights=mass), abs=1e-9)
    assert float(found.metallicity) == pytest.approx(np.average(np.log10(stars.metallicity), weights=mass), abs=1e-9)


def galaxy(snr, psf, size=6, key=3):
    """A disc and bulge through a MUSE cut to a small field and 400 channels around H beta and Mg b, and its truth."""
    described = instruments.load("muse-wfm")["telescope"]
    kinematics = VelocityChannels(420.0, 60.0)
    observed = Wavelengths(4960.15, described["wavelengths"]["step"], 400, "air")
    library, observed = thinned((4, 7, 9), (26, 37, 45)).matched(observed, 0.05, kinematics.span)
    telescope = Telescope(
        wavelengths=observed,
        target=FixedTarget(0.05, 500.0),
        orientation=InclinedOrientation(55.0, 30.0),
        spaxels=SquareSpaxels(described["spaxels"]["pitch"], (size, size)),
        kinematics=kinematics,
        ssp=GridSSP.from_library(library),
        dust=stages.DUSTS["none"](),
        psf=psf,
        focal_plane=Slicer(),
        lsf=module("lsf", described["lsf"], "lsf"),
        noise=TargetSNRNoise(snr),
    )
    operator = CubeOperator.of(telescope)
    truth = seen_by(telescope, DiscBulge.sample(20_000, key=jax.random.key(1)).particles())
    clean = eqx.filter_jit(operator)(truth)
    return operator, telescope.noise.sample(clean, key=jax.random.key(key)), telescope.noise.variance(clean), truth


@pytest.fixture(scope="module")
def recovered():
    """The galaxy, seen at a signal-to-noise ratio of 50 and of 15, and what is found of it."""
    with jax.enable_x64(True):
        found = {}
        for snr in (50.0, 15.0):
            operator, data, variance, truth = galaxy(snr, MoffatPSF(0.8, 2.8, reach=4))
            solution = solve(operator, data, variance)
            assert solution.gap <= 0.1 and solution.applications[-1] < 150
            blurred = (eqx.filter_jit(operator.blurred)(weights) for weights in (solution.weights, truth))
            found[snr] = operator, data, variance, *(distribution(operator, weights) for weights in blurred)
        return found


def scatter(ours, theirs):
    """Root mean square over the spaxels."""
    return float(jnp.sqrt(jnp.mean((ours - theirs) ** 2)))


@pytest.mark.slow
def test_distribution_of_a_galaxy_is_found_again(double, recovered):
    _, _, _, found, true = recovered[50.0]
    assert float(jnp.ptp(true.velocity)) > 60
    assert scatter(found.velocity, true.velocity) < 10
    assert scatter(found.dispersion, true.dispersion) < 15
    assert scatter(found.age, true.age) < 0.15
    assert scatter(found.metallicity, true.metallicity) < 0.1
    assert float(found.mass.sum()) == pytest.approx(float(true.mass.sum()), rel=0.2)
    assert 0.5 * float(jnp.abs(found.velocities - true.velocities).sum(axis=-1).max()) < 0.15


@pytest.mark.slow
def test_noise_gives_the_penalty_more_to_say(double, recovered):
    for moment in ("velocity", "dispersion", "velocities"):
        errors = {
            snr: scatter(getattr(found, moment), getattr(true, moment))
            for snr, (*_, found, true) in recovered.items()
        }  # fmt: skip
        assert errors[15.0] > errors[50.0]
    known = {snr: resolution(*given[:3]).known for snr, given in recovered.items()}
    assert 1 < known[15.0] < known[50.0] < recovered[50.0][0].templates.shape[0] * 36


@pytest.mark.slow
def test_shares_of_single_populations_are_degenerate_and_their_mean_is_not(double, recovered):
    operator, data, variance, found, true = recovered[50.0]
    parts = resolution(operator, data, variance)
    assert parts.spaxel[0] > 10 * parts.spaxel[1] and parts.spaxel[-1] < 1e-4 * parts.spaxel[0]
    assert np.all(np.diff(parts.sky) <= 1e-9) and parts.sky[0] <= 1 + 1e-6
    share = 0.5 * jnp.abs(found.populations - true.populations).sum(axis=(-2, -1))
    assert float(share.mean()) > 0.1 and scatter(found.age, true.age) < 0.15


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_velocity_and_dispersion_agree_with_ppxf(double):
    """Without a PSF spaxels are spectra, which pPXF fits with its own templates convolved with a Gaussian."""
    ppxf = pytest.importorskip("ppxf.ppxf")
    util = pytest.importorskip("ppxf.ppxf_util")
    operator, data, variance, _ = galaxy(200.0, NoPSF(), size=2)
    telescope = operator.telescope
    ours = distribution(operator, solve(operator, data, variance).weights, by="light")
    kinematics = telescope.kinematics
    moving = operator.templates.reshape(kinematics.size, -1, telescope.wavelengths.size)
    # A star at rest is shared by three nodes of a cubic spline.
    still = int(np.argmin(np.abs(kinematics.shifts)))
    at_rest = (moving[still - 1] + 4 * moving[still] + moving[still + 1]) / 6
    wave = telescope.wavelengths.centres()[[0, -1]]
    for y, x in ((0, 0), (1, 1)):
        spectrum, _, velscale = util.log_rebin(wave, np.asarray(data[y, x]))
        templates = np.stack([util.log_rebin(wave, np.asarray(row), velscale=velscale)[0] for row in at_rest], axis=1)
        size = min(spectrum.size, templates.shape[0])
        noise = np.full(size, float(jnp.sqrt(variance[y, x, 0])))
        # Its convolution joins the ends of the templates, which are no longer than the spectrum here.
        whole = np.arange(20, size - 20)
        theirs = ppxf.ppxf(
            templates[:size] / templates.mean(), spectrum[:size], noise, float(np.squeeze(velscale)), [0.0, 120.0],
            moments=2, degree=-1, mdegree=-1, goodpixels=whole, quiet=True,
        ).sol  # fmt: skip
        assert float(ours.velocity[y, x]) == pytest.approx(theirs[0], abs=6)
        assert float(ours.dispersion[y, x]) == pytest.approx(theirs[1], abs=15)
