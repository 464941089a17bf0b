"""Failures to clusters to a repair map to the next training batch; routes are only read here."""
