"""The old name of `python -m experiments` for the paper's tables and figures; gone in the next version."""

from experiments.paper.run import main

if __name__ == "__main__":
    raise SystemExit(main())
