"""Compact instance network of SPINEPS: ``python -m training.instance``, then ``.evaluate``."""
