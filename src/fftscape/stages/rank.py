"""How many components there are: local spectra (and those of noise, or the regions found) in, `Scree` out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from fftscape.compute.lowrank import leading
from fftscape.compute.whitening import column_means, noise_levels
from fftscape.model.arrays import FloatArray
from fftscape.model.records import LEAST_CONFIDENCE, LocalSpectra, Regions, Scree
from fftscape.model.settings import RankSettings, Rule

# At least so many eigenvalues are computed: enough to see where the noise begins.
_LEAST_EIGENVALUES = 30
# Eigenvalues of more windows than this are iterated for; data and noise are compared, so both may be a little small.
_FEW_DIRECTIONS = 400
# Eigenvalues below this part of the first one are rounding.
_ROUNDING = 1e-14
# An eigenvalue that exceeds the largest one of noise by this factor is not noise.
_CLEARLY = 1.25
# A direction in which spectra differ is looked at from this factor on; what it means, the regions tell.
_WORTH_A_LOOK = 1.15
# Confidence where regions and scree plot disagree about whether there is a second structure.
_DISAGREEING = 0.5
# The elbow is looked for among this many leading eigenvalues, as electron microscopists do.
_ELBOW_POINTS = 20


@dataclass(frozen=True, eq=False)
class Variation:
    """How much spectra vary, and how.

    Parameters
    ----------
    eigenvalues : ndarray of float64, shape (direction,)
        Largest first.
    total : float
        Sum of all of them, be they computed or not.
    directions : ndarray of float64, shape (direction, feature)
        In which the spectra vary, in units of the mean of each feature where the rule divides by it; none where only
        the eigenvalues were worked out.
    """

    eigenvalues: FloatArray
    total: float
    directions: FloatArray


@dataclass(frozen=True)
class _Choice:
    n_components: int
    threshold: float | None
    reason: str


def null_eigenvalues(noise: LocalSpectra, settings: RankSettings) -> FloatArray:
    """Compute the eigenvalues that noise alone has in a scree plot.

    Parameters
    ----------
    noise : LocalSpectra
        Of white noise sent through the same windows, taper and scaling.
    settings : RankSettings
        Limits and seed.

    Returns
    -------
    ndarray of float64
        Largest first.
    """
    return _whitened(noise, settings).eigenvalues


def variation_of(spectra: LocalSpectra, settings: RankSettings) -> Variation:
    """Work out how spectra vary, as the rule looks at them; parameters as in `compute_scree`."""
    return _VARIATIONS[settings.rule](spectra, settings)


def compute_scree(spectra: LocalSpectra, null: FloatArray | None, settings: RankSettings) -> Scree:
    """Compute the scree plot and choose the number of components.

    Parameters
    ----------
    spectra : LocalSpectra
        For the rules 'regions' and 'noise-null' those of windows that overlap little (`sparse_grid`).
    null : ndarray or None
        Eigenvalues of noise in the same windows, see `null_eigenvalues`; needed by 'noise-null' and 'regions'.
    settings : RankSettings
        Rule, margin, limits and, where the user decided, the number.

    Returns
    -------
    Scree
        Eigenvalues, null, number and the reason in words.

    Notes
    -----
    'regions' takes the eigenvalues of 'noise-null' and leaves the number to `with_regions`.
    'noise-null' divides every frequency by its mean over the windows, which turns the
    multiplicative noise of spectra into noise of equal strength everywhere, centres, and counts
    the eigenvalues above `margin` times the largest one that white noise gives in the same
    windows; structures are one more than the directions in which spectra differ. 'elbow' takes
    the uncentred eigenvalues and the point farthest below the line through the first and last
    of them in a logarithmic plot (Satopaa et al., ICDCS Workshops 2011).
    """
    return scree_of(variation_of(spectra, settings), null, settings)


def scree_of(variation: Variation, null: FloatArray | None, settings: RankSettings) -> Scree:
    """Choose the number of components by how spectra vary; other parameters as in `compute_scree`."""
    eigenvalues, total = variation.eigenvalues, variation.total
    null_values = None if settings.rule == "elbow" or null is None else null[: len(eigenvalues)]
    choice = _CHOICES[settings.rule](eigenvalues, null_values, settings)
    rule: str = settings.rule
    if settings.n_components != "auto":
        rule = "user"
        choice = _Choice(
            settings.n_components,
            choice.threshold,
            f"Set to {settings.n_components} by the user; the rule '{settings.rule}' would take {choice.n_components}.",
        )
    return Scree(
        explained_variance=eigenvalues,
        explained_variance_ratio=eigenvalues / (total or 1.0),
        null_variance=null_values,
        threshold=choice.threshold,
        n_components=choice.n_components,
        rule=rule,
        reason=choice.reason,
    )


def _whitened(spectra: LocalSpectra, settings: RankSettings) -> Variation:
    mean = noise_levels(column_means(spectra.values), spectra.settings.scaling)
    values = spectra.values * (1 / mean).astype(np.float32)
    values -= column_means(values).astype(np.float32)
    # Centring takes one direction away, which would show as an eigenvalue of zero.
    degrees = max(len(values) - 1, 1)
    found = leading(values, min(_count(settings), degrees), seed=settings.seed, exact_limit=_FEW_DIRECTIONS)
    return Variation(found.squares / degrees, _energy(values) / degrees, found.directions)


def _uncentred(spectra: LocalSpectra, settings: RankSettings) -> Variation:
    values, degrees = spectra.values, len(spectra.values)
    found = leading(values, _count(settings), seed=settings.seed)
    return Variation(found.squares / degrees, _energy(values) / degrees, found.directions)


def _count(settings: RankSettings) -> int:
    return max(_LEAST_EIGENVALUES, settings.max_components + 1)


def _energy(values: FloatArray) -> float:
    return float(np.einsum("ij,ij->i", values, values).sum(dtype=np.float64))


def _above_noise(eigenvalues: FloatArray, null: FloatArray | None, settings: RankSettings) -> _Choice:
    if null is None:
        raise ValueError("the rule 'noise-null' needs the spectra of noise")
    threshold = settings.margin * float(null[0])
    above = int(np.sum(eigenvalues > threshold))
    number = min(above + 1, settings.max_components)
    margin = f"{settings.margin:g} times the largest eigenvalue of white noise in the same windows"
    doubt = _doubt(eigenvalues, threshold, float(null[0]), number)
    if above == 0:
        return _Choice(1, threshold, f"No second structure found: no eigenvalue stands above {margin}.{doubt}")
    stands = "eigenvalue stands" if above == 1 else "eigenvalues stand"
    capped = f", limited to {number} by max_components" if number < above + 1 else ""
    reason = f"{above} {stands} above {margin}, which makes {above + 1} structures{capped}.{doubt}"
    return _Choice(number, threshold, reason)


def _doubt(eigenvalues: FloatArray, threshold: float, noise: float, number: int) -> str:
    """Say how many eigenvalues stand above the noise but were not counted: boundaries do, and weak structures."""
    between = int(np.sum((eigenvalues > _CLEARLY * noise) & (eigenvalues <= threshold)))
    if between == 0:
        return ""
    few = f"{between} more {'stands' if between == 1 else 'stand'} above the noise but within the margin"
    return f" {few}: a boundary or a weak structure; look at the maps for {number + 1} components, too."


def _elbow(eigenvalues: FloatArray, null: FloatArray | None, settings: RankSettings) -> _Choice:
    positive = eigenvalues[: _ELBOW_POINTS + 1]
    positive = positive[positive > _ROUNDING * eigenvalues[0]]
    if len(positive) < 3:
        return _Choice(1, None, "Too few eigenvalues for an elbow.")
    curve = np.log(positive)
    line = np.linspace(curve[0], curve[-1], len(curve))
    # Distances to a straight line are the vertical ones times a constant.
    elbow = int(np.argmax(line - curve))
    number = min(elbow + 1, settings.max_components)
    return _Choice(number, None, f"The elbow of the logarithmic scree plot lies at eigenvalue {elbow + 1}.")


def directions_above_noise(scree: Scree) -> int:
    """Count the eigenvalues that stand above the largest one of noise, be it by little.

    Parameters
    ----------
    scree : Scree
        With its null.

    Returns
    -------
    int
        Directions in which spectra differ: structures, boundaries, light and bending alike.
    """
    if scree.null_variance is None or not len(scree.null_variance):
        return 0
    return int(np.sum(scree.explained_variance > _WORTH_A_LOOK * scree.null_variance[0]))


def with_regions(scree: Scree, regions: Regions, settings: RankSettings) -> Scree:
    """Take the number of structures from the regions that were found.

    Parameters
    ----------
    scree : Scree
        Of the rule 'regions'.
    regions : Regions
        What was found.
    settings : RankSettings
        With the number where the user decided.

    Returns
    -------
    Scree
        With number, reason, confidence and alternatives.
    """
    found = min(regions.n_structures, settings.max_components)
    reason = " ".join(_sentences(scree, regions, settings))
    number, rule = found, "regions"
    # Thresholds tell nothing of what no boundary shows: where the scree plot says otherwise, nobody is sure.
    confidence = _DISAGREEING if _disagree(scree, regions) else regions.confidence
    alternatives = {*regions.alternatives, *_disagree(scree, regions)}
    if settings.n_components != "auto":
        number, rule = settings.n_components, "user"
        reason = f"Set to {number} by the user; by itself: {reason}"
    if number != regions.n_structures:  # what was found out is about another number than the one that is used
        confidence, alternatives = None, set()
    return replace(
        scree,
        threshold=None if scree.null_variance is None else _WORTH_A_LOOK * float(scree.null_variance[0]),
        n_components=number,
        rule=rule,
        reason=reason,
        confidence=confidence,
        alternatives=tuple(sorted(alternatives)),
    )


def doubted(scree: Scree, other: Scree, size: tuple[int, int]) -> Scree:
    """Let the confidence be that of two surveys, by windows of two sizes: the size is one more threshold.

    Parameters
    ----------
    scree : Scree
        With the number that is used.
    other : Scree
        Of windows of another size.
    size : tuple of int
        Their size in pixels, (y, x).

    Returns
    -------
    Scree
        With the mean of the confidence that both have in the number, and the other's numbers among the alternatives.
    """
    if scree.confidence is None or other.confidence is None:
        return scree
    number, there = scree.n_components, other.n_components
    agreeing = other.confidence
    if there != number:
        agreeing = (1 - agreeing) / len(other.alternatives) if number in other.alternatives else 0.0
    doubtful = replace(
        scree,
        confidence=(scree.confidence + agreeing) / 2,
        alternatives=tuple(sorted({*scree.alternatives, there, *other.alternatives} - {number})),
    )
    said = [] if there == number else [f"Windows of {size[0]}x{size[1]} px show {there}."]
    if doubtful.is_ambiguous and not scree.is_ambiguous:
        said.append("Ambiguous: it hangs on the window.")
    return replace(doubtful, reason=" ".join([scree.reason, *said]))


def unsure(scree: Scree, windows: float) -> Scree:
    """Take back the confidence in a single structure where hardly more than one could have been seen.

    Parameters
    ----------
    scree : Scree
        With one structure.
    windows : float
        How many windows lie side by side along the shorter side.

    Returns
    -------
    Scree
        With the confidence of a guess.
    """
    if scree.confidence is None:
        return scree
    said = f"Ambiguous: only {windows:.1f} windows fit side by side, too few to see both sides of a boundary."
    return replace(scree, confidence=min(scree.confidence, _DISAGREEING), reason=f"{scree.reason} {said}")


def _sentences(scree: Scree, regions: Regions, settings: RankSettings) -> list[str]:
    directions, found = directions_above_noise(scree), regions.n_structures
    stand = f"{directions} eigenvalue{' stands' if directions == 1 else 's stand'} above those of white noise"
    if regions.confidence is None:
        return [f"One structure, for want of windows, or of frequencies in them, to look for boundaries; {stand}."]
    if found == 1:
        said = [f"No second structure found: {stand}, and nowhere do spectra change abruptly enough for a boundary."]
    else:
        said = [f"{found} structures with boundaries between them; {stand}."]
    if found > settings.max_components:
        said.append(f"Limited to {settings.max_components} by max_components.")
    if regions.continuous:
        said.append(_variation(regions))
    others = " or ".join(str(number) for number in regions.alternatives)
    for number in _disagree(scree, regions):
        trials = f", and slightly other thresholds {others}" if others else ""
        said.append(f"Ambiguous: no boundary was found, but the scree plot alone would give {number}{trials}.")
        return said
    if regions.confidence < LEAST_CONFIDENCE:
        said.append(f"Ambiguous: with slightly other thresholds it would be {others}.")
    elif regions.alternatives:
        said.append(f"Confidence {regions.confidence:.0%}; with some other thresholds it would be {others}.")
    return said


def _disagree(scree: Scree, regions: Regions) -> tuple[int, ...]:
    """Return the number that the scree plot alone would give, where no boundary but several directions were found."""
    unsure = regions.n_structures == 1 and regions.confidence is not None and scree.n_components > 1
    return (scree.n_components,) if unsure and scree.rule != "user" else ()


def _variation(regions: Regions) -> str:
    causes = "bending, strain, uneven light, or structures too fine for the window"
    if regions.n_structures == 1:
        return f"Its spectra vary without a boundary ({causes}): continuous variation, not phases."
    return f"Inside {_counted(regions.continuous)} spectra vary continuously ({causes})."


def _counted(indices: tuple[int, ...]) -> str:
    names = [str(index + 1) for index in indices]
    if len(names) == 1:
        return f"component {names[0]}"
    return f"components {', '.join(names[:-1])} and {names[-1]}"


_VARIATIONS: Mapping[Rule, Callable[[LocalSpectra, RankSettings], Variation]] = {
    "regions": _whitened,
    "noise-null": _whitened,
    "elbow": _uncentred,
}
_CHOICES: Mapping[Rule, Callable[[FloatArray, FloatArray | None, RankSettings], _Choice]] = {
    "regions": _above_noise,
    "noise-null": _above_noise,
    "elbow": _elbow,
}
