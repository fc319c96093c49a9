"""`python -m tidegate`: the command line, where no script directory is on the path."""

from tidegate.cli import main

main()
