"""The instrument presets are what their schema says, say where they are from, and can be asked for by name."""

import numpy as np
import pytest

from ifux import config, instruments
from ifux.commands.instruments import leaves, line_width, parents, summary
from ifux.config.build import module
from ifux.errors import InputError

presets = pytest.mark.parametrize("name", instruments.names())

STAND_IN = {
    "galaxy": {"kind": "disc-bulge"},
    "library": {"kind": "embedded"},
    "telescope": {"target": {"kind": "cosmological", "redshift": 0.02}},
}


def described(name):
    """The resolved description of a preset's telescope."""
    telescope = STAND_IN["telescope"] | {"instrument": name}
    return config.resolved({**STAND_IN, "telescope": telescope})["telescope"]


def test_names_are_unique():
    names = instruments.names()
    titles = [instruments.load(name)["name"].casefold() for name in names]
    assert len(set(titles)) == len(names) >= 200
    for family in (
        "muse-wfm", "muse-wfm-ao", "muse-nfm", "manga", "sami-blue", "califa-v500", "kcwi-bl", "kcrm-rl", "wifes",
        "nifs", "sinfoni", "kmos", "osiris", "weave-lifu", "weave-mifu", "lvm", "sauron", "nirspec-ifu", "miri-mrs",
        "harmoni", "bluemuse", "eris-spiffier", "gmos-ifu", "hector", "virus-p", "virus-w",
    ):  # fmt: skip
        assert any(name.startswith(family) for name in names), family
    assert sum(name.startswith("miri-mrs") for name in names) == 12


@presets
def test_preset_has_the_keys_of_the_schema(name):
    preset = instruments.load(name)
    assert set(preset) - {"exposure"} == {"name", "description", "citation", "plane", "telescope", "sources", "assumed"}
    assert all(preset[key] and preset[key].isascii() for key in ("name", "description", "citation", "plane"))
    assert "-".join(preset["name"].casefold().split()) == name
    assert set(preset["telescope"]) - {"focal_plane"} == {"wavelengths", "spaxels", "psf", "lsf", "noise"}


KINDS = {"kind", "noise", "oversampling", "terms", "band"}
"""Words that are no numbers of an instrument."""


@presets
def test_every_number_says_where_it_is_from(name):
    """Or that it is assumed: nothing is without a word, and what is assumed is in the list."""
    preset = instruments.load(name)
    sources, assumed = preset["sources"], set(preset["assumed"])
    for path, _ in leaves(preset["telescope"], "telescope"):
        if KINDS & set(path.split(".")[1:]):
            continue
        above = [path, *parents(path)]
        stage = ".".join(path.split(".")[:2])
        known = [source for key, source in sources.items() if key in above or key.startswith(f"{stage}.")]
        assert known, path
    assert assumed == {path for path, source in sources.items() if source.startswith("assumed")}
    assert all(source.isascii() and "shared/data" not in source for source in sources.values())


@presets
def test_preset_builds_and_describes_a_spectrograph(name):
    telescope = described(name)
    stages, observed = config.parts(telescope)
    centres, step = observed.centres(), np.diff(observed.edges())
    assert 3000 < centres[0] < centres[-1] < 300_000 and (step > 0).all()
    sides, size = np.asarray(stages["spaxels"].sides), stages["spaxels"].size
    assert (sides > 0.003).all() and (sides < 40).all() and all(1 < count <= 400 for count in size)
    width = line_width(instruments.load(name)["telescope"]["lsf"], centres.mean())
    # every spectrograph here samples its resolution, some of them badly
    assert 1.2 < width / np.median(step) < 12
    assert 30 < centres.mean() / width < 25_000
    # the cells of the scene are as small as the PSF needs, and few where it is wide
    sharp = stages["psf"].sharpest()
    cells = sharp / sides * stages["spaxels"].oversampling
    assert (cells > 2.2).all() or max(stages["spaxels"].oversampling) == 12
    assert len(summary(instruments.load(name))) == 7


def test_muse_spans_its_range():
    muse = module("channels", instruments.load("muse-wfm")["telescope"]["wavelengths"], "wavelengths")
    assert (muse.centres()[0], muse.centres()[-1], muse.medium) == (4700.15, pytest.approx(9350.15), "air")


def test_manga_has_the_channels_of_its_logcube():
    """4563 of them, 1e-4 apart in the decadic logarithm, in vacuum: Law et al. (2016), AJ 152, 83."""
    manga = module("channels", instruments.load("manga-log")["telescope"]["wavelengths"], "wavelengths")
    assert manga.size == 4563 and manga.medium == "vacuum"
    assert np.allclose(np.diff(np.log10(manga.centres())), 1e-4, rtol=1e-6)
    assert manga.centres()[0] == pytest.approx(3621.596, abs=1e-3)


@pytest.mark.parametrize("name", ["MUSE-WFM", "MUSE WFM", "muse_wfm", " Muse  Wfm "])
def test_names_are_forgiving(name):
    assert instruments.load(name) == instruments.load("muse-wfm")


def test_load_gives_a_copy():
    instruments.load("manga-cube")["telescope"]["psf"]["fwhm"] = 0
    assert instruments.load("manga-cube")["telescope"]["psf"]["fwhm"] == 2.54


def test_unknown_name_is_told_with_the_nearest():
    with pytest.raises(InputError, match=r"'muse-wmf' is none of the \d+ that .* lists; did you mean 'muse-wfm'\?"):
        instruments.load("muse-wmf")
    with pytest.raises(InputError, match="did you mean 'nirspec-ifu-"):
        instruments.load("nirspec")
    with pytest.raises(InputError, match=r"lists$"):
        instruments.load("zzzzzz")
    with pytest.raises(InputError):
        instruments.load("../units")
