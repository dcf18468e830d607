"""Seconds and memory beside SPINEPS 2.1.3 and nnU-Net: the parts of ``benchmarks/speed.py``."""
