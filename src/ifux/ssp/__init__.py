"""What stars shine like."""

from ifux.ssp.base import AbstractSSP as AbstractSSP
from ifux.ssp.base import AbstractTabulatedSSP as AbstractTabulatedSSP
from ifux.ssp.grid import GridSSP as GridSSP
from ifux.ssp.lowrank import LowRankSSP as LowRankSSP
from ifux.ssp.mixed import MixedSpectra as MixedSpectra
