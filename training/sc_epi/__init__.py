"""Compact cord network for EPI (EPISeg): ``python -m training.sc_epi``, then ``.evaluate``."""
