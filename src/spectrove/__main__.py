"""python -m spectrove is the command `spectrove`."""

from spectrove.serve.cli import main

if __name__ == "__main__":
    main()
