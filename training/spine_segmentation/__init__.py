"""Compact nets of spine-segmentation: ``python -m training.spine_segmentation``, ``.evaluate``."""
