"""The beginning of ``fftscape`` and of ``python -m fftscape``.

A worker runs the script that its supervisor began with once more, so this loads nothing before it is called.
"""

from typing import NoReturn


def main() -> NoReturn:
    """Run the command line."""
    from fftscape.cli.commands import main as command_line

    command_line()


if __name__ == "__main__":
    main()
