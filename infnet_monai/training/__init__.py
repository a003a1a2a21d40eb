"""Trainings of bundles in processes of their own, from wherever they stand."""
