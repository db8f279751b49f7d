"""``python -m fftscape`` is the command ``fftscape``."""

from fftscape.cli import main

main()
