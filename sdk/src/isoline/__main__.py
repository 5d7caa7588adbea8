"""`python -m isoline` is the command `isoline`."""

import sys

from isoline.cli import main

if __name__ == "__main__":
    sys.exit(main())
