"""Parametric galaxies: particles that follow from a few numbers."""

from ifux.galaxies.disc_bulge import DiscBulge as DiscBulge
