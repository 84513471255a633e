"""Whether a challenger may be promoted: statistics, criteria, verdict. Pure functions, no registry and no files."""
