"""One way to answer, running it on an input, running it over examples."""
