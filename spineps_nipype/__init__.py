"""Spine segmentation as Nipype interfaces: SPINEPS and its sister systems."""

__version__ = "0.1.0"
