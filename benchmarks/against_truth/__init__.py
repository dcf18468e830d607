"""How good results are against truth masks: the parts of ``benchmarks/accuracy.py``."""
