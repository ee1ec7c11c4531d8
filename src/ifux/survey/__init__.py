"""Many cubes: one observation, varied over galaxies, orientations and seeds, made side by side by Dask.

A survey is described in JSON, its settings by the dotted paths of `ifux observe --set`, in any order:

    {
      "observation": "tng-muse.json",
      "vary": {
        "galaxy.path": "cutouts/*.hdf5",
        "telescope.orientation.inclination": [0, 30, 60, 90]
      },
      "realisations": 3
    }

| key | |
|---|---|
| observation | what `ifux observe` takes: the path of a configuration, or the configuration itself |
| vary | for each key a list of values, or a pattern of file names; every combination is a case |
| cases | a list of settings of several keys at a time; each is combined with what `vary` says |
| realisations | how often each case is observed, every time with a seed of its own, which follows from the case |
| name | of the table, and of the folder if none is asked for; by default that of the file |

Of an observation with several arms each arm is a case. The arms of one galaxy are made together, as `ifux observe`
makes them: they share velocity nodes and the basis of the library, and stars are deposited once where the places are
the same.

Paths are relative to the folder of the description; the header of a cube holds them in full.

A cube is named after what is varied and a hash of its resolved configuration, so that it keeps its name when other
cases come or go. One that is there, and says in its header that it is the one, is not made again: to go on with a
survey is to call it again. A later version of ifux with another scheme of configurations gives its cubes other names,
and makes them all: no survey mixes two.
"""

from ifux.survey.description import Case as Case
from ifux.survey.description import Survey as Survey
from ifux.survey.description import load as load
from ifux.survey.made import is_made as is_made
from ifux.survey.made import missing as missing
from ifux.survey.made import outdated as outdated
from ifux.survey.observing import conduct as conduct
from ifux.survey.observing import rehearsed as rehearsed
from ifux.survey.table import Table as Table
