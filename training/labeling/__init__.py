"""Compact labelling network of SPINEPS: ``python -m training.labeling``, then ``.evaluate``."""
