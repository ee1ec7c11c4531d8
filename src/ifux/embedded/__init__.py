"""A stellar library that the package synthesises itself, for trying things out: illustrative, not for science."""

from ifux.embedded.build import build as build
