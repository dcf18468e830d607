"""Nodes as jobs of SLURM: options, commands, job folders, the queue, and two plugins."""
