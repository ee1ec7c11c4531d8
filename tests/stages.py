"""Every stage once, small: the laws of a family run over its whole list, and a new stage is one line here.

Each entry makes its example when it is called, in the precision of the test that calls it.
"""

import math

import numpy as np

from ifux import (
    Aperture,
    AtmosphericRefraction,
    BadPixelNoise,
    BoxcarLSF,
    CalzettiCurve,
    CardelliCurve,
    ChromaticPolynomialPSF,
    ChromaticPSF,
    ChromaticTablePSF,
    Circle,
    CoarseHaloPSF,
    ConstantNoise,
    CoreHaloPSF,
    CosmologicalTarget,
    DoubleGaussianPSF,
    Drizzle,
    DrizzledSlicer,
    Ellipse,
    EllipticalPSF,
    EulerOrientation,
    ExposureNoise,
    FibreBundle,
    FieldLSF,
    FixedTarget,
    Gas,
    GaussHermiteLSF,
    GaussianLSF,
    GaussianPSF,
    GridSSP,
    Hexagon,
    ImagePSF,
    InclinedOrientation,
    LineTable,
    LogWavelengths,
    LowRankSSP,
    MixedSpectra,
    MoffatPSF,
    NarrowGaussianPSF,
    NoDust,
    NoEmission,
    NoLSF,
    NoNoise,
    NoPSF,
    NoRefraction,
    Particles,
    PoissonNoise,
    PolynomialLSF,
    RecordedNoise,
    Rectangle,
    RectangularSpaxels,
    RemainingPSF,
    ResolvingPowerLSF,
    RestingKinematics,
    ScaledNoise,
    Scene,
    ScreenDust,
    Shepard,
    Slicer,
    Soft,
    SquareSpaxels,
    SSPLibrary,
    StarFormingEmission,
    TableLSF,
    TableWavelengths,
    TabulatedEmission,
    TabulatedPSF,
    TargetSNRNoise,
    Telescope,
    VelocityChannels,
    Wavelengths,
    YoungStarEmission,
    real,
)
from ifux.focal_plane import hexagonal, rectangular

REST = Wavelengths(4700.0, 1.0, 240, "air")
"""Pixels of the small library."""
OBSERVED = Wavelengths(4836.0, 1.25, 120, "air")
"""Pixels of the small telescope: at a redshift of 0.02 the library covers them for every velocity."""
REDSHIFT = 0.02


def library(rest=REST, metallicities=3, ages=4, fwhm=2.5, medium=None):
    """A made-up library: a continuum that reddens with age and lines that deepen with metallicity.

    Lines are as narrow as the resolution, so that it is as hard to shift as a real one.
    """
    wavelength = rest.centres()
    metallicity = np.geomspace(0.0005, 0.03, metallicities)
    age = np.geomspace(0.1, 12.0, ages)
    m, a = np.log(metallicity / 0.01)[:, None, None], np.log(age)[None, :, None]
    along = (wavelength - wavelength.mean()) / 100
    sigma = fwhm / np.sqrt(8 * np.log(2))
    rng = np.random.default_rng(7)
    lines = 0.0
    for centre in rng.uniform(wavelength[0], wavelength[-1], 12 + rest.size // 20):
        depth = rng.uniform(0.02, 0.08) * (1 + 0.25 * rng.normal() * m + 0.25 * rng.normal() * a)
        lines = lines + depth * np.exp(-0.5 * ((wavelength - centre) / sigma) ** 2)
    flux = 1e-4 * np.exp(-0.7 * a + 0.05 * m + (0.1 * a + 0.05 * m) * along) * (1 - lines)
    return SSPLibrary(
        name="made up",
        metallicity=metallicity,
        age=age,
        wavelength=wavelength,
        flux=flux,
        fwhm=np.full(wavelength.size, fwhm),
        medium=medium or rest.medium,
        imf="none",
        citation="nobody",
    )


def exposure(wavelengths=OBSERVED, seed=11, **given):
    """An exposure in which source, sky, dark current, readout and what is left of the sky all count."""
    rng = np.random.default_rng(seed)
    size = wavelengths.size
    return ExposureNoise(
        **{
            "wavelengths": wavelengths,
            "throughput": rng.uniform(0.2, 0.3, size),
            "transmission": rng.uniform(0.8, 0.9, size),
            "sky": rng.uniform(300, 900, size),
            "element_area": 0.16,
            "collecting_area": 2.0,
            "time": 1200.0,
            "count": 3.0,
            "read_noise": 2.0,
            "dark": 4.0,
            "pixels": 1.5,
            "gain": 1.1,
            "sky_noise": 0.2,
            "residual": 0.03,
        }
        | given
    )


def particles(count=60, seed=1, spread=0.3):
    """Random stars, some off the library's grid, at home in the small field [kpc]."""
    rng = np.random.default_rng(seed)
    return Particles(
        position=rng.normal(size=(count, 3)) * spread,
        velocity=rng.normal(size=(count, 3)) * 120,
        mass=10 ** rng.normal(5, 0.3, count),
        age=10 ** rng.uniform(-1.3, 1.2, count),
        metallicity=10 ** rng.uniform(-3.5, -1.4, count),
    )


def gas(count=30, seed=5, spread=0.3):
    """Random gas that forms stars, but for a cell that is dark, and some beyond the calibration [kpc]."""
    rng = np.random.default_rng(seed)
    rate = rng.uniform(0.2, 2, count) * 1e-3
    rate[0] = 0
    return Gas(
        position=rng.normal(size=(count, 3)) * spread,
        velocity=rng.normal(size=(count, 3)) * 120,
        mass=10 ** rng.normal(5, 0.3, count),
        density=10 ** rng.normal(7, 0.3, count),
        temperature=np.full(count, 1e4),
        metallicity=10 ** rng.uniform(-2.6, -1.6, count),
        star_formation_rate=rate,
        smoothing_length=np.full(count, 0.05),
    )


def cells(pitch, degree=3):
    """A scene of square cells, one to a spaxel."""
    return Scene(real([pitch, pitch]), real(0.0), (1, 1), degree, (1, 1))


def line_table():
    """Ratios of photoionisation models, made up: two lines of one species on three axes of two nodes."""
    ratios = np.random.default_rng(4).normal(size=(2, 2, 2, 2)) * 0.3
    axes = np.array([0.005, 0.02]), np.array([-3.5, -2.5]), np.array([1.0, 2.0])
    return LineTable(("[O III] 4959", "Halpha"), *axes, ratios=ratios, citation="nobody")


def telescope(**stages):
    """A small telescope: two kpc on a dozen spaxels. Any stage can be given."""
    return Telescope(
        **{
            "wavelengths": OBSERVED,
            "target": FixedTarget(REDSHIFT, 90.0),
            "orientation": InclinedOrientation(50.0, 30.0),
            "spaxels": SquareSpaxels(0.4, (9, 8)),
            "kinematics": VelocityChannels(reach=500.0, spacing=50.0),
            "ssp": GridSSP.from_library(library()),
            "dust": NoDust(),
            "psf": GaussianPSF(1.2, reach=7),
            "focal_plane": Slicer(),
            "lsf": GaussianLSF(3.2),
            "noise": NoNoise(),
        }
        | stages
    )


BAND = (4800.0, 5000.0)
"""Of chromatic PSFs."""


def star(fwhm=1.2, size=25, pixel=0.3):
    """Image of a star that is longer one way than the other, with a faint companion, and wings beyond any kernel."""
    y, x = (np.arange(size) - (size - 1) / 2)[:, None] * pixel, (np.arange(size) - (size - 1) / 2)[None, :] * pixel
    variance = fwhm**2 / (8 * np.log(2))
    core = np.exp(-0.5 * (x**2 / 1.3 + y**2 * 1.3) / variance)
    wings = 0.05 * (1 + x**2 + y**2) ** -1.5
    return core + wings + 0.1 * np.exp(-0.5 * ((x - 0.9) ** 2 + (y + 1.2) ** 2) / variance)


TARGETS = {
    "cosmological": lambda: CosmologicalTarget(REDSHIFT),
    "fixed": lambda: FixedTarget(REDSHIFT, 90.0),
    "near": lambda: FixedTarget(REDSHIFT, 0.02, perspective=True),
    "deep": lambda: CosmologicalTarget(REDSHIFT, perspective=True, hubble_flow=True),
}
ORIENTATIONS = {
    "euler": lambda: EulerOrientation(20.0, 50.0, 70.0),
    "inclined": lambda: InclinedOrientation(50.0, 30.0),
    "turned": lambda: InclinedOrientation(50.0, 30.0, 70.0),
}
SPAXELS = {
    "square, nearest": lambda: SquareSpaxels(0.4, (9, 8), degree=0),
    "square, linear": lambda: SquareSpaxels(0.4, (9, 8), degree=1),
    "square, quadratic": lambda: SquareSpaxels(0.4, (9, 8), degree=2),
    "square, turned": lambda: SquareSpaxels(0.4, (9, 8), (0.1, -0.2), 5, 40.0, oversampling=(2, 2)),
    "rectangular": lambda: RectangularSpaxels((0.4, 0.5), (9, 8), (0.1, -0.2), 4, oversampling=(1, 2)),
    "square, cubic": lambda: SquareSpaxels(0.4, (9, 8), (0.1, -0.2), degree=3),
}
KINEMATICS = {
    "channels, nearest": lambda: VelocityChannels(400.0, 50.0, degree=0),
    "channels, linear": lambda: VelocityChannels(400.0, 50.0, degree=1),
    "channels, cubic": lambda: VelocityChannels(400.0, 50.0, degree=3),
}
SSPS = {
    "grid": lambda: GridSSP.from_library(library()),
    "low rank": lambda: LowRankSSP.from_library(library(), 1e-3),
}
CURVES = {
    "Calzetti": CalzettiCurve,
    "Cardelli": CardelliCurve,
}
DUSTS = {
    "none": NoDust,
    "Calzetti screen": lambda: ScreenDust(0.7),
    "Cardelli screen": lambda: ScreenDust(0.7, CardelliCurve()),
}
PSFS = {
    "none": NoPSF,
    "Gaussian": lambda: GaussianPSF(1.2, reach=7),
    "narrow Gaussian": lambda: NarrowGaussianPSF(0.3),
    "Moffat": lambda: MoffatPSF(1.2, 2.8, reach=12),
    "double Gaussian": lambda: DoubleGaussianPSF(1.2, 2.5, 0.7, reach=11),
    "core and halo": lambda: CoreHaloPSF(GaussianPSF(1.0, reach=6), MoffatPSF(1.9, 2.5, reach=12), 0.4),
    "coarse halo": lambda: CoarseHaloPSF(GaussianPSF(0.9, reach=4), MoffatPSF(3.0, 2.5, reach=4), 0.4, coarse=3),
    "elliptical": lambda: EllipticalPSF(MoffatPSF(1.3, 2.8, reach=12), 0.7, 35.0),
    "image": lambda: ImagePSF(star(), 0.3, 20.0, (0.05, -0.1), 1.1, reach=5),
    "chromatic": lambda: ChromaticPSF(MoffatPSF(1.2, 2.8, reach=9), -0.3, 4900.0, BAND, terms=3),
    "chromatic, one polynomial": lambda: ChromaticPSF(GaussianPSF(1.2, reach=9), -0.3, 4900.0, BAND, terms=3, nodes=0),
    "chromatic, polynomial": lambda: ChromaticPolynomialPSF(
        GaussianPSF(1.2, reach=9), (-0.8, 2.0), 4900.0, BAND, terms=4
    ),
    "chromatic, table": lambda: ChromaticTablePSF(
        GaussianPSF(1.0, reach=9), (4820.0, 4880.0, 4990.0), (1.3, 1.1, 1.15), BAND, terms=3
    ),
    "chromatic, kernels at nodes": lambda: ChromaticTablePSF(
        GaussianPSF(1.0, reach=9), (4820.0, 4880.0, 4990.0), (1.3, 1.1, 1.15), BAND, terms=0, nodes=5
    ),
    "tabulated": lambda: TabulatedPSF(
        (ImagePSF(star(1.1), 0.3, reach=4), GaussianPSF(1.3, reach=9), ImagePSF(star(1.5), 0.3, reach=5)),
        (4840.0, 4930.0, 4990.0),
    ),
}
FOOTPRINTS = {
    "circle": lambda: Circle(1.1),
    "ellipse": lambda: Ellipse(1.4, 0.9, 25.0),
    "rectangle": lambda: Rectangle(1.1, 0.7, 20.0),
    "hexagon": lambda: Hexagon(1.0, 10.0),
    "soft": lambda: Soft(Ellipse(1.4, 0.9, 25.0), 0.15),
}
RECONSTRUCTIONS = {
    "Shepard": lambda: Shepard(0.45, 1.1),
    "drizzle": lambda: Drizzle(0.8),
}
REFRACTIONS = {
    "none": NoRefraction,
    "atmospheric": lambda: AtmosphericRefraction(
        (50.0, 56.0), (20.0, 65.0), 5300.0, 1000.0, 12.0, wavelengths=(4830.0, 4910.0, 4990.0)
    ),
}


def fibres(**given):
    """A dithered bundle with all that a bundle may have, on the small field."""
    return FibreBundle(
        **{
            "positions": hexagonal(1, 1.15, 11.0),
            "footprint": FOOTPRINTS["circle"](),
            "reconstruction": RECONSTRUCTIONS["Shepard"](),
            "dithers": ((-0.31, 0.17), (0.29, -0.22)),
            "errors": ((0.04, -0.03), (-0.02, 0.05)),
            "throughput": (1.0, 0.9, 1.05, 0.97, 1.1, 0.95, 1.02),
            "refraction": REFRACTIONS["atmospheric"](),
            "broken": (5,),
        }
        | given
    )


FOCAL_PLANES = {
    "slicer": Slicer,
    "aperture": lambda: Aperture(FOOTPRINTS["soft"](), (0.13, -0.21)),
    "fibres": fibres,
    "hexagons": lambda: FibreBundle(
        hexagonal(1, 1.0), FOOTPRINTS["hexagon"](), RECONSTRUCTIONS["drizzle"](), ((0.03, 0.02), (0.41, -0.33))
    ),
    "lenslets": lambda: FibreBundle(
        rectangular(3, 3, 0.95), FOOTPRINTS["rectangle"](), RECONSTRUCTIONS["drizzle"](), ((0.07, -0.05),)
    ),
    "slits": lambda: FibreBundle(
        rectangular(2, 3, 1.05), FOOTPRINTS["ellipse"](), RECONSTRUCTIONS["Shepard"](), ((0.07, -0.05),)
    ),
    "drizzled": lambda: DrizzledSlicer((7, 9), (0.47, 0.37), (0.8, 0.7), [[0, 0], [0.11, -0.17]], quarter_turns=(0, 1)),
}
LSFS = {
    "none": NoLSF,
    "Gaussian": lambda: GaussianLSF(3.2),
    "resolving power": lambda: ResolvingPowerLSF(1500.0),
    "polynomial": lambda: PolynomialLSF([5.866e-8, -9.187e-4, 6.540], includes_pixel=True),
    "table": lambda: TableLSF([4700.0, 4907.3, 5000.0], [3.5, 3.0, 3.2]),
    "Gauss-Hermite": lambda: GaussHermiteLSF(GaussianLSF(3.2), 0.05, 0.06),
    "boxcar": lambda: BoxcarLSF(7.0),
    "of place": lambda shape=(8, 9): FieldLSF.of(
        ResolvingPowerLSF(1500.0), np.linspace(1.01, 1.25, math.prod(shape)).reshape(shape)
    ),
}
NOISES = {
    "none": NoNoise,
    "constant": lambda: ConstantNoise(0.3),
    "target": lambda: TargetSNRNoise(20.0),
    "scaled": lambda: ScaledNoise(TargetSNRNoise(20.0), 0.5),
    "target in a band": lambda: TargetSNRNoise(20.0, 0.8, np.linspace(0, 1, OBSERVED.size)),
    "exposure": exposure,
    "counts": lambda: PoissonNoise(exposure()),
    "exposure behind a filter": lambda: exposure(filter=np.linspace(0.7, 1, OBSERVED.size)),
    "recorded": lambda: RecordedNoise(np.linspace(0.05, 0.2, OBSERVED.size)),
    "bad pixels": lambda: BadPixelNoise(exposure(), 3600.0, 0.01, 0.02, 1.5),
}
WAVELENGTHS = {
    "even": lambda: OBSERVED,
    "log": lambda: LogWavelengths(4838.0, 2.5e-4, 120, "vacuum"),
    "table": lambda: TableWavelengths(4836.0 + 145 * np.linspace(0, 1, 121) ** 1.5, "air"),
}
EMISSIONS = {
    "none": NoEmission,
    "star-forming": lambda: StarFormingEmission(diffuse=1.0),
    "tabulated": lambda: TabulatedEmission.of_table(line_table()),
    "young stars": YoungStarEmission.of_table,
}
CUBES = {
    "AbstractKinematics": {"resting": RestingKinematics},
    "AbstractSSP": {"mixed spectra": lambda: MixedSpectra(library().flux[0], library().fwhm, REST)},
    "AbstractPSF": {"remaining": lambda: RemainingPSF(MoffatPSF(1.2, 2.8, reach=12), 0.4)},
}
"""Members that stand before a finished cube, and not before stars."""
FAMILIES = {
    "AbstractTarget": TARGETS,
    "AbstractOrientation": ORIENTATIONS,
    "AbstractSpaxels": SPAXELS,
    "AbstractKinematics": KINEMATICS | CUBES["AbstractKinematics"],
    "AbstractSSP": SSPS | CUBES["AbstractSSP"],
    "AbstractCurve": CURVES,
    "AbstractDust": DUSTS,
    "AbstractPSF": PSFS | CUBES["AbstractPSF"],
    "AbstractFocalPlane": FOCAL_PLANES,
    "AbstractLSF": LSFS,
    "AbstractNoise": NOISES,
    "AbstractWavelengths": WAVELENGTHS,
    "AbstractFootprint": FOOTPRINTS,
    "AbstractReconstruction": RECONSTRUCTIONS,
    "AbstractRefraction": REFRACTIONS,
    "AbstractEmission": EMISSIONS,
}
INSIDE = ("AbstractCurve", "AbstractFootprint", "AbstractReconstruction", "AbstractRefraction", "AbstractEmission")
"""Families whose members stand inside those of others, and all of them somewhere in the lists above; or inside a source
of light, of which `test_gas_lines.py` has the gradients."""
