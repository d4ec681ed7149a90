"""`python -m paramc`."""

from paramc.cli import main

raise SystemExit(main())
