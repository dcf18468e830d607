"""SPINEPS 2.1.3 itself: its environment, the programs that run there, a package it can build."""
