"""What a run of the BIDS App does: participant and group level, dry run, outcomes."""
