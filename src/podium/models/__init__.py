"""Network families and recipes."""
