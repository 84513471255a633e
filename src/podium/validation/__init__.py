"""Great Expectations suites over image statistics."""
