"""Simulated workplaces and bundled tasks, each with its generator, oracle and scoring rules."""
