"""`python -m generator`: the same as `tidemark generate`."""

from __future__ import annotations

import sys

from tidemark.cli import print_error
from tidemark.cli.generate import app
from tidemark.errors import EXIT_INTERRUPTED, TidemarkError


def main() -> None:
    """Run the generator's command line and leave the process with its exit code."""
    try:
        app(prog_name="python -m generator")
    except TidemarkError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
