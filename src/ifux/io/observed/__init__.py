"""Cubes that telescopes recorded, in the layouts that surveys publish."""
