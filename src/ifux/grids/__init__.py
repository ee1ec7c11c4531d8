"""Wavelength grids: edges of pixels, in air or in vacuum."""

from ifux.grids.air import Medium as Medium
from ifux.grids.air import refractivity as refractivity
from ifux.grids.air import to_air as to_air
from ifux.grids.air import to_vacuum as to_vacuum
from ifux.grids.base import AbstractWavelengths as AbstractWavelengths
from ifux.grids.even import Wavelengths as Wavelengths
from ifux.grids.log import LogWavelengths as LogWavelengths
from ifux.grids.table import TableWavelengths as TableWavelengths
