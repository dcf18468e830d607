"""Compact semantic network of SPINEPS: ``python -m training.semantic``, then ``.evaluate``."""
