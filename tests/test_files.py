"""A file that ifux writes is whole or absent, and the old one is kept until the new one is whole."""

import os
import re
import stat

import numpy as np
import pytest
from astropy.io import fits

from ifux.errors import InputError
from ifux.io import describe, replacing


def test_new_file_appears_under_its_name_alone(tmp_path):
    path = tmp_path / "cube.fits"
    with replacing(path, overwrite=False) as temporary:
        assert temporary.parent == tmp_path and temporary.suffix == ".fits" and not temporary.exists()
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_no_half_file_and_keeps_the_old_one(tmp_path, failure):
    path = tmp_path / "cube.fits"
    path.write_text("old")
    with pytest.raises(failure), replacing(path, overwrite=True) as temporary:
        temporary.write_text("half")
        raise failure
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]


def test_existing_file_is_refused_before_any_work(tmp_path):
    path = tmp_path / "cube.fits"
    path.write_text("old")
    worked = False
    with pytest.raises(InputError, match=r"cube\.fits exists already"), replacing(path, overwrite=False):
        worked = True
    assert not worked and path.read_text() == "old"
    with replacing(path, overwrite=True) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_missing_folder_is_one_sentence(tmp_path):
    with (
        pytest.raises(InputError, match=r"there is no folder .*nowhere"),
        replacing(tmp_path / "nowhere" / "cube.fits", overwrite=False),
    ):
        pytest.fail("entered")


def test_a_folder_is_no_file_to_write_to(tmp_path):
    with pytest.raises(InputError, match="not a regular file"), replacing(tmp_path, overwrite=True):
        pytest.fail("entered")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_locked_folder_is_one_sentence(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="Permission denied"), replacing(tmp_path / "cube.fits", overwrite=False):
        pytest.fail("entered")


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "usual").touch()
    with replacing(tmp_path / "ours", overwrite=False) as temporary:
        temporary.touch()
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with replacing(tmp_path / "link", overwrite=True) as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "target").read_text() == "new"


def test_cube_is_described_by_its_own_header(tmp_path):
    header = fits.Header(
        {
            "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CTYPE3": "AWAV", "CUNIT1": "deg", "CUNIT2": "deg",
            "CUNIT3": "Angstrom", "CRPIX3": 1.0, "CRVAL3": 4750.0, "CD1_1": -0.2 / 3600, "CD2_2": 0.2 / 3600,
            "CD3_3": 1.25, "BUNIT": "10**(-20)*erg/s/cm**2/Angstrom",
        }
    )  # fmt: skip
    primary = fits.PrimaryHDU(
        header=fits.Header({"DATE": "2026-11-23T12:00:00", "CREATOR": "ifux", "PKG1": "ifux 0.1"})
    )
    cube = fits.ImageHDU(np.zeros((5, 3, 4), np.float32), header=header, name="DATA")
    fits.HDUList([primary, cube]).writeto(tmp_path / "cube.bin")
    lines = describe(tmp_path / "cube.bin")
    assert "DATA: 5 x 3 x 4 10**(-20)*erg/s/cm**2/Angstrom" in lines
    assert "wavelength 4750 to 4755, step 1.25 Angstrom in air" in lines
    assert "spaxel 0.2 x 0.2 arcsec" in lines
    assert "DATE 2026-11-23" in lines and "made with ifux 0.1" in lines


@pytest.mark.parametrize("content", [b"", b"hello, world", b"\x89HDF\r\n\x1a\n", b"SIMPLE  = nonsense"])
def test_what_is_no_file_of_ours_is_one_sentence(tmp_path, content):
    path = tmp_path / "galaxy.hdf5"
    path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(str(path))):
        describe(path)


def test_absent_file_and_folder_are_one_sentence(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        describe(tmp_path / "absent")
    with pytest.raises(InputError, match="is a folder in which neither a galaxy nor a library"):
        describe(tmp_path)
