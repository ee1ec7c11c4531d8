"""Descriptions in JSON: names and numbers that become modules."""

from ifux.config.arms import arms as arms
from ifux.config.build import galaxy_model as galaxy_model
from ifux.config.build import parts as parts
from ifux.config.build import telescope as telescope
from ifux.config.build import telescopes as telescopes
from ifux.config.cube import source_cube as source_cube
from ifux.config.document import load as load
from ifux.config.document import resolved as resolved
from ifux.config.document import with_settings as with_settings
from ifux.config.schemes import SCHEME as SCHEME
from ifux.config.schemes import converted as converted
