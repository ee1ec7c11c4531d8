"""What shines beside the stars."""

from ifux.emission.base import AbstractEmission as AbstractEmission
from ifux.emission.lines import LINES as LINES
from ifux.emission.lines import Line as Line
from ifux.emission.none import NoEmission as NoEmission
from ifux.emission.star_forming import StarFormingEmission as StarFormingEmission
from ifux.emission.table import LineTable as LineTable
from ifux.emission.tabulated import TabulatedEmission as TabulatedEmission
from ifux.emission.young_stars import YoungStarEmission as YoungStarEmission
