"""Does every stage equal SPINEPS 2.1.3: the parts of ``benchmarks/parity.py``."""
