"""`python -m weightspace` is `weightspace`."""

import sys

from weightspace.cli.main import main

sys.exit(main())
