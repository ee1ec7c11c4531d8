"""The instrument presets are what their schema says, and can be asked for by name."""

import pytest

from ifux import instruments
from ifux.errors import InputError
from ifux.grids import Wavelengths

KINDS = {
    "spaxels": {"square": {"pitch", "size"}},
    "psf": {"moffat": {"fwhm", "beta"}, "gaussian": {"fwhm"}, "none": set()},
    "lsf": {"gaussian": {"fwhm"}, "none": set()},
    "noise": {"none": set()},
}

presets = pytest.mark.parametrize("name", instruments.names())


def test_names_are_unique():
    names = instruments.names()
    titles = [instruments.load(name)["name"].casefold() for name in names]
    assert len(names) >= 5 and len(set(titles)) == len(names)
    assert {"muse-wfm", "muse-nfm", "manga"} <= set(names)


@presets
def test_preset_has_the_keys_of_the_schema(name):
    preset = instruments.load(name)
    assert set(preset) - {"exposure"} == {"name", "description", "citation", "telescope"}
    assert all(preset[key] and preset[key].isascii() for key in ("name", "description", "citation"))
    assert "-".join(preset["name"].casefold().split()) == name
    telescope = preset["telescope"]
    assert set(telescope) == {"wavelengths", *KINDS}
    for family, kinds in KINDS.items():
        description = dict(telescope[family])
        assert set(description) == kinds[description.pop("kind")] | {"kind"}


@presets
def test_preset_describes_a_real_instrument(name):
    telescope = instruments.load(name)["telescope"]
    wavelengths, spaxels, psf, lsf = (telescope[key] for key in ("wavelengths", "spaxels", "psf", "lsf"))
    centres = Wavelengths(**wavelengths).centres()
    assert 3000 < centres[0] < centres[-1] < 25_000
    assert 0.01 < spaxels["pitch"] < 2 and all(1 < size <= 400 for size in spaxels["size"])
    assert 1 < psf["fwhm"] / spaxels["pitch"] < 10
    # every spectrograph here samples its resolution
    assert 2 < lsf["fwhm"] / wavelengths["step"] < 5
    assert 800 < centres.mean() / lsf["fwhm"] < 6000


def test_muse_spans_its_range():
    muse = Wavelengths(**instruments.load("muse-wfm")["telescope"]["wavelengths"])
    assert (muse.centres()[0], muse.centres()[-1], muse.medium) == (4700.15, pytest.approx(9350.15), "air")


@pytest.mark.parametrize("name", ["MUSE-WFM", "MUSE WFM", "muse_wfm", " Muse  Wfm "])
def test_names_are_forgiving(name):
    assert instruments.load(name) == instruments.load("muse-wfm")


def test_load_gives_a_copy():
    instruments.load("manga")["telescope"]["psf"]["fwhm"] = 0
    assert instruments.load("manga")["telescope"]["psf"]["fwhm"] == 2.54


def test_unknown_name_lists_those_there_are():
    with pytest.raises(InputError, match=r"'muse-wmf' is not one of \[.*'manga'.*\]; did you mean 'muse-wfm'\?"):
        instruments.load("muse-wmf")
    with pytest.raises(InputError, match=r"not one of \[[^\]]*\]$"):
        instruments.load("zzzzzz")
    with pytest.raises(InputError):
        instruments.load("../units")
