"""Shared nouns: records, errors, settings, hashes, clock, seeds. Imports nothing of rung."""
