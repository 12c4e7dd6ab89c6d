"""Writes RESULTS.md."""
def write(output, size, shape, records):
    pass
