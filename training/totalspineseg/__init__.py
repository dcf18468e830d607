"""Compact networks of TotalSpineSeg: ``python -m training.totalspineseg``, then ``.evaluate``."""
