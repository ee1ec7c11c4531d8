"""What the night sky sends and what the atmosphere lets through, on the host and in double precision."""

from ifux.sky.curve import Curve as Curve
from ifux.sky.night import night_sky as night_sky
from ifux.sky.sky import Sky as Sky
from ifux.sky.sky import flat_sky as flat_sky
from ifux.sky.sky import no_sky as no_sky
