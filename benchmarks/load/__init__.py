"""The whole service under load, on each of its databases: see `benchmarks.load.__main__`."""
