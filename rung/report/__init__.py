"""Results for people: tables in a terminal, one-file HTML, plots, and the answers they hold."""
