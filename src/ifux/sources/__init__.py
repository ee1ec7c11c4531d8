"""What shines beside the stars."""

from ifux.sources.base import AbstractSource as AbstractSource
from ifux.sources.base import View as View
from ifux.sources.component import AbstractComponent as AbstractComponent
from ifux.sources.emission_lines import EmissionLines as EmissionLines
from ifux.sources.no_component import NoComponent as NoComponent
from ifux.sources.nuclear_lines import NuclearLines as NuclearLines
from ifux.sources.point_source import PointSource as PointSource
from ifux.sources.power_law import PowerLaw as PowerLaw
from ifux.sources.tabulated_continuum import TabulatedContinuum as TabulatedContinuum
