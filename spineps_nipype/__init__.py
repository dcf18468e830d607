"""Spine segmentation as Nipype interfaces: SPINEPS and three other systems."""

__version__ = "0.1.0"
