"""What goes to which stream."""

from __future__ import annotations

import pytest

from fftscape.batch.progress import Reporter, one_line


def test_quiet_says_only_errors(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter(quiet=True)
    reporter.say("a")
    reporter.warn("b")
    reporter.detail("c")
    reporter.error("d")
    assert capsys.readouterr() == ("", "d\n")


def test_streams(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter(verbose=True)
    with reporter.counting(2):
        reporter.stage("x", "reading")
        reporter.say("a")
        reporter.warn("b")
        reporter.advance()
    reporter.detail("c\nd")
    assert capsys.readouterr() == ("a\n", "b\nc\nd\n")


def test_control_characters_cannot_forge_lines_or_steer_the_terminal() -> None:
    assert one_line("a\nb\x1b[2J\u202e") == "a\\nb\\x1b[2J\\u202e"
    assert one_line("µm ° ± d") == "µm ° ± d"
