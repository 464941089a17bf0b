"""The command `rung`: one file per verb; a verb parses, calls one flow (`rung/flow/`), prints.

Data goes to stdout, talk and progress to stderr. Nothing heavy is imported until a verb runs.
"""

from __future__ import annotations

import sys

from rung.core.errors import RungError


def main() -> None:
    """Run the command line and exit with its code; a user's mistake prints one line."""
    from rung.cli.app import app

    try:
        app()
    except RungError as error:
        hint = f"\n  hint: {error.hint}" if error.hint else ""
        print(f"error: {error.message}{hint}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept, run the same command again", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
