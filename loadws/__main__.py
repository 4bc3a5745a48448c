"""``python -m loadws``: the same as the ``loadws`` command."""

import sys

from loadws.cli import main

if __name__ == "__main__":
    sys.exit(main())
