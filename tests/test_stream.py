"""Stars that stay in their file are observed as those in memory are."""

from dataclasses import replace

import h5py
import jax
import numpy as np
import pytest
from stages import library as made_up
from test_run import DESCRIPTION

from ifux import InputError, config, run
from ifux.galaxies import DiscBulge
from ifux.galaxy import Galaxy
from ifux.io import read_galaxy, stream_galaxy, write_galaxy
from ifux.orientation import principal_axes

COUNT = 3000


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A galaxy in a file; blocks are small, so that there are many."""
    monkeypatch.setattr(run, "embedded_library", lambda: replace(made_up(), illustrative=True))
    monkeypatch.setattr("ifux.checks.BLOCK", 700)
    monkeypatch.setattr("ifux.orientation.alignment.BLOCK", 700)
    path = tmp_path / "galaxy.h5"
    stars = DiscBulge.sample(COUNT, key=jax.random.key(2)).particles()
    write_galaxy(path, Galaxy(stars, 0.02, source="made", notes=("a note",)))
    return path


def blocks(stars, size=700):
    names = ("position", "velocity", "mass", "age", "metallicity")
    return [np.concatenate([np.asarray(getattr(block, name)) for block in stars.blocks(size)]) for name in names]


def test_stars_of_a_file_are_those_of_the_reader_in_blocks(file):
    streamed, read = stream_galaxy(file), read_galaxy(file)
    assert streamed.stars.count == COUNT and max(b.count for b in streamed.stars.blocks(700)) == 700
    for ours, theirs in zip(blocks(streamed.stars), blocks(read.stars), strict=True):
        assert np.array_equal(ours, theirs)
    assert (streamed.redshift, streamed.source, streamed.notes) == (read.redshift, read.source, read.notes)


def test_parts_of_a_file_are_all_of_it(file):
    whole = stream_galaxy(file).stars
    parts = [whole.part(number, 7) for number in range(7)]
    assert {part.count for part in parts} == {428, 429}
    for ours, theirs in zip(zip(*map(blocks, parts), strict=True), blocks(whole), strict=True):
        assert np.array_equal(np.concatenate(ours), theirs)
    assert parts[3].part(1, 2).first == parts[3].first + 214
    with pytest.raises(InputError, match="no part 7 of 7 parts of 3000 stars"):
        whole.part(7, 7)


def test_abundances_come_back_read_or_streamed(file, tmp_path):
    stars = read_galaxy(file).stars
    alpha = np.linspace(-0.1, 0.4, COUNT).astype(np.float32)
    path = tmp_path / "enhanced.h5"
    write_galaxy(path, Galaxy(replace(stars, alpha=alpha), 0.02))
    assert np.array_equal(read_galaxy(path).stars.alpha, alpha)
    assert np.array_equal(np.concatenate([block.alpha for block in stream_galaxy(path).stars.blocks(700)]), alpha)


def test_principal_axes_do_not_depend_on_the_blocks(file, monkeypatch):
    axes = principal_axes(stream_galaxy(file).stars)
    monkeypatch.setattr("ifux.orientation.alignment.BLOCK", 10**6)
    assert np.allclose(axes, principal_axes(read_galaxy(file).stars), rtol=0, atol=1e-10)


def test_cube_of_a_stream_is_that_of_the_stars_in_memory(file, double):
    settings = ["galaxy.kind=file", f"galaxy.path={file}", "compute.chunk=700"]
    memory, stream = (
        run.observe(run.prepare(config.with_settings(DESCRIPTION, [*settings, f"galaxy.stream={flag}"])))
        for flag in ("false", "true")
    )
    assert np.allclose(stream.flux, memory.flux, rtol=0, atol=1e-12 * memory.flux.max())
    for name, (image, *_) in memory.maps.items():
        assert np.allclose(stream.maps[name][0], image, rtol=1e-5, equal_nan=True), name
    assert stream.notes == memory.notes


def test_stars_that_cannot_be_used_are_counted(file):
    with h5py.File(file, "r+") as opened:
        opened["stars/mass"][5] = -1.0
        opened["stars/age"][[7, 2500]] = np.nan
        opened["stars/metallicity"][2000] = 0.0
    streamed, read = stream_galaxy(file), read_galaxy(file)
    assert sum(block.count for block in streamed.stars.blocks(700)) == read.stars.count == COUNT - 3
    assert streamed.dropped == read.dropped and streamed.changed == read.changed
    list(streamed.stars.blocks(1000))
    assert streamed.dropped == read.dropped


def test_stream_is_written_as_it_is_read(file, tmp_path):
    write_galaxy(tmp_path / "copy.h5", stream_galaxy(file))
    for ours, theirs in zip(
        blocks(read_galaxy(tmp_path / "copy.h5").stars), blocks(read_galaxy(file).stars), strict=True
    ):
        assert np.array_equal(ours, theirs)


def test_only_own_files_are_streamed(file, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other.create_group("PartType4")
    with pytest.raises(InputError, match="only that is read block by block"):
        stream_galaxy(tmp_path / "other.h5")
    with pytest.raises(InputError, match="without \\['radius'\\]"):
        run.prepare(
            config.with_settings(
                DESCRIPTION, ["galaxy.kind=file", f"galaxy.path={file}", "galaxy.stream=true", "galaxy.radius=3"]
            )
        )


def test_file_without_a_star_that_can_be_used_is_one_sentence(file):
    with h5py.File(file, "r+") as opened:
        opened["stars/mass"][...] = -1.0
    with pytest.raises(InputError, match="no star"):
        run.prepare(
            config.with_settings(DESCRIPTION, ["galaxy.kind=file", f"galaxy.path={file}", "galaxy.stream=true"])
        )
