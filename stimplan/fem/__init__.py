"""Finite elements for the quasi-static field: arrays in, arrays out, no knowledge of heads or protocols."""
