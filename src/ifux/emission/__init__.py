"""Emission: which lines shine, how bright, and how wide."""
