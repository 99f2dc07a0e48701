"""Lets ``python -m podfence`` be the program."""

import sys

from podfence.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
