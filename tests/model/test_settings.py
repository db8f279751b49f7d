"""Settings: strict, frozen, and clear about what is wrong."""

import re
from pathlib import Path

import msgspec
import pytest

from fftscape.model.errors import InvalidSettingError
from fftscape.model.settings import PRESETS, Settings, as_pair, merged

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"windoes": {}}, "There is no setting 'windoes'; there are preset, windows, spectra, rank, regions, "
                          "factorization, peaks, segmentation, rotation."),
        ({"rank": {"components": 3}}, "There is no setting 'rank.components'; there are n_components, rule, margin, "
                                      "max_components, seed."),
        ({"spectra": {"taper": "foo"}}, "The setting 'spectra.taper' must be 'hann' or 'hamming' or 'none', "
                                        "not 'foo'."),
        ({"rank": {"n_components": "many"}}, "The setting 'rank.n_components' must be a whole number in its range or "
                                             "'auto', not 'many'."),
        ({"rank": {"margin": float("inf")}}, "The setting 'rank.margin' must be a positive number, not inf."),
        ({"rank": {"seed": -1}}, "The setting 'rank.seed' must be a whole number in its range, not -1."),
        ({"factorization": {"starts": []}}, "The setting 'factorization.starts' must be a list of 'spa' or 'nndsvd' or "
                                            "'nndsvda' or 'random', not []."),
        ({"spectra": {"unit_norm": 1}}, "The setting 'spectra.unit_norm' must be true or false, not 1."),
        ({"spectra": "hann"}, "The setting 'spectra' must be a table of settings, not 'hann'."),
        ({"windows": {"size": [3, 0]}}, "windows.size must be a positive whole number of pixels or a pair (y, x) "
                                        "of them, not [3, 0]."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(changes, sentence):
    with pytest.raises(InvalidSettingError, match=f"^{re.escape(sentence)}$"):
        merged(Settings(), changes)


def test_changes_are_laid_over():
    changed = merged(PRESETS["published"], {"windows": {"size": 64, "step": [8, 16]}, "rank": {"n_components": 3}})
    assert changed.windows.size == (64, 64)
    assert changed.windows.step == (8, 16)
    assert changed.rank.n_components == 3
    assert changed.rank.rule == "elbow"
    assert PRESETS["published"].rank.n_components == "auto"


def test_settings_are_frozen_hashable_and_come_back_from_plain_values():
    settings = merged(Settings(), {"windows": {"size": 64}})
    with pytest.raises(AttributeError):
        settings.preset = "published"
    assert settings == merged(Settings(), {"windows": {"size": [64, 64]}})
    assert hash(settings) == hash(merged(Settings(), {"windows": {"size": [64, 64]}}))
    assert settings != Settings()
    assert merged(Settings(), msgspec.to_builtins(settings)) == settings


@pytest.mark.parametrize("value", [2.5, (1, 2, 3), "64", 0, (1, 2.5), (4, -1), True and [1]])
def test_pairs_are_checked(value):
    with pytest.raises(InvalidSettingError, match="step must be a positive whole number"):
        as_pair(value, "step")


def test_the_page_of_settings_has_every_one_with_its_default():
    rows = dict(re.findall(r"^\| `([\w.]+)` \|[^|]*\| (.+?) \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE))
    expected = {
        f"{stage}.{name}": value
        for stage, values in msgspec.to_builtins(Settings()).items()
        if isinstance(values, dict)
        for name, value in values.items()
    }
    expected["preset"] = Settings().preset
    told = {
        name: "left out" if value is None else f"`{msgspec.json.encode(value).decode()}`"
        for name, value in expected.items()
    }
    assert rows == told


def test_the_example_of_the_page_is_accepted():
    example = re.search(r"```toml\n(.+?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)[1]
    settings = merged(Settings(), msgspec.toml.decode(example.encode()))
    assert settings.windows.size == (96, 128)
    assert settings.spectra.scaling == "amplitude"
