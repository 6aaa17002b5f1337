"""Weights averaged and widened; what a trained nano reads, measured."""
