"""Files beside an image that its reading depends on."""

from pathlib import Path

from fftscape.files.sidecars import companions


def test_companions_are_those_that_exist_and_matter(tmp_path: Path):
    for name in ("a.tif", "a.txt", "a.json", "a.png", "b.txt", "run.emi", "run_1.ser", "run_2.ser", "run_x.ser",
                 "s.Z_mtrx", "session.mtrx", "m.rpl", "m.raw", "a-tif.hdr"):  # fmt: skip
        (tmp_path / name).write_text("")

    def beside(name: str) -> list[str]:
        return [path.name for path in companions(tmp_path / name)]

    assert beside("a.tif") == ["a-tif.hdr", "a.json", "a.txt"]
    assert beside("run.emi") == ["run_1.ser", "run_2.ser", "run_x.ser"]
    assert beside("run_2.ser") == ["run.emi"]
    assert beside("s.Z_mtrx") == ["session.mtrx"]
    assert beside("m.rpl") == ["m.raw"]
    assert beside("a.png") == ["a.json", "a.txt"]
