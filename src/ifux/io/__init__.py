"""Files: galaxies, libraries of stellar populations, cubes. Units are converted here and nowhere else.

A room is opened when it is asked for: `__init__.pyi` lists the names.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
