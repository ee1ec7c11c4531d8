"""What shines beside the stars."""

from ifux.sources.base import AbstractSource as AbstractSource
from ifux.sources.base import View as View
from ifux.sources.emission_lines import EmissionLines as EmissionLines
