"""The search: `python -m search.run FLAGS`, the same as `gear-search run FLAGS`."""

import sys

from search.cli.run import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
