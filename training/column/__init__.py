"""The one column of pieces: measures its constants."""
