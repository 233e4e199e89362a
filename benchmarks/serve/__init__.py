"""The service beside its peers: see `benchmarks.serve.__main__`."""
