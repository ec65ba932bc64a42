"""`python -m pipelines`: the command `sluice`."""

from pipelines.cli.main import main

if __name__ == "__main__":
    main()
