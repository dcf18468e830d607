"""What a system makes, from what, and whether a stored result is still true."""
