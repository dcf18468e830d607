"""The small commands beside spineps-wf."""
