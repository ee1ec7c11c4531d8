"""Differentiable integral-field data cubes of simulated galaxies, as one Equinox module.

Nothing is imported before it is asked for, so that the command line answers at once: `__init__.pyi` lists the names.
"""

from importlib.metadata import version

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = version("ifux")
