"""Find immunogold particles in electron-microscopy montages, inside Fiji and on the command line."""

from importlib.metadata import version

__version__ = version("golddigger-ij")
