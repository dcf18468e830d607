"""Search for the spine: ``python -m training.scout``, then ``.evaluate``."""
