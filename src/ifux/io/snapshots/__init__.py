"""Galaxies from the snapshots of simulations, in many layouts."""
