"""`python -m rung`: the command line, for processes that rung starts itself."""

from rung.cli import main

main()
