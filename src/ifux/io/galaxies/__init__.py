"""Galaxies in many layouts."""
