"""The beginning of ``fftscape`` and of ``python -m fftscape``.

A worker runs the script that its supervisor began with once more, so this loads nothing before it is called.
"""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line."""
    try:
        _get_ready(sys.argv[1:])
        from fftscape.cli.commands import main as command_line
    except KeyboardInterrupt:
        from fftscape.cli.endings import INTERRUPTED, INTERRUPTION, print_trouble

        print_trouble(INTERRUPTION)
        sys.exit(INTERRUPTED)
    command_line()


def _get_ready(words: list[str]) -> None:
    """Let what workers are forked from load its libraries while the command line loads its own."""
    if words[:1] == ["run"] and not any(word.startswith(("--help", "--scheduler")) for word in words):
        from fftscape.batch.crew import get_ready

        get_ready(drawing="--no-report" not in words)


if __name__ == "__main__":
    main()
