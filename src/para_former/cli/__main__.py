"""`python -m para_former.cli`, the same as the installed command."""

from para_former.cli.main import entry_point

entry_point()
