"""``python -m qunflow.cli``: the command line without its entry point."""

from qunflow.cli import main

main()
