"""`python -m tickstock`: the command line."""

from tickstock.cli import main

if __name__ == "__main__":
    main()
