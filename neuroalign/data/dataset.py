"""A dataset: recordings of subjects, and the one table of stimuli that they met."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.cards import DatasetCard
from neuroalign.data.recordings import make_recording, to_showings
from neuroalign.data.schema import (
    STIMULUS_KINDS,
    as_labels,
    in_memory,
    is_showings,
    label_faults,
    stimulus_faults,
)
from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.numerics.reliability import (
    anova_reliability,
    spearman_brown,
    split_half_correlation,
)

# Values beyond which a repr does not compute noise ceilings.
LARGE = 5_000_000


class BrainDataset:
    """Recordings of one or more subjects, and the stimuli they met.

    Parameters
    ----------
    recordings : mapping of str to DataArray
        Subject -> recording, as `make_recording` returns it, or a function without arguments that
        returns it when it is first needed.
    stimuli : DataFrame
        Index: stimulus labels. Columns: "text", "image", "audio" or "video" (value or path), and
        optionally "group" (what cross-validation keeps together) and anything else.
    name : str, optional
        Given by `load_dataset`.
    card : DatasetCard, optional
        Given by `load_dataset`.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> stimuli = pd.DataFrame({"text": ["a cat", "a dog"]}, index=["s1", "s2"])
    >>> recording = na.make_recording(np.eye(2), ("stimulus", "neuroid"), subject="m1",
    ...     units="spikes/s", stimulus=["s1", "s2"], neuroid=["a", "b"])
    >>> na.BrainDataset({"m1": recording}, stimuli).subjects
    ['m1']
    """

    def __init__(
        self,
        recordings: Mapping[str, xr.DataArray | Callable[[], xr.DataArray]],
        stimuli: pd.DataFrame,
        *,
        name: str = "own data",
        card: DatasetCard | None = None,
    ) -> None:
        """Turn ids into labels and check what can be checked without reading anything lazy."""
        self.name, self.card = name, card
        if not recordings:
            message = f"Dataset {name!r} has no recordings."
            raise DataError(message)
        stimuli = stimuli.copy(deep=False)
        stimuli.index = pd.Index(as_labels(stimuli.index, "stimulus"), name="stimulus")
        if faults := stimulus_faults(stimuli):
            message = f"Stimuli of dataset {name!r} cannot be used: {'; '.join(faults)}."
            raise DataError(message)
        if "group" in stimuli:
            stimuli["group"] = as_labels(stimuli["group"], "group")
        self.stimuli = stimuli
        self.recordings: Mapping[str, xr.DataArray] = _Recordings(recordings, stimuli.index)

    @property
    def subjects(self) -> list[str]:
        """Names of the subjects."""
        return list(self.recordings)

    @property
    def stimulus_kinds(self) -> list[str]:
        """What the stimuli are: those of text, image, audio and video that the table holds."""
        return [kind for kind in STIMULUS_KINDS if kind in self.stimuli]

    def named(self, name: str, card: DatasetCard | None) -> BrainDataset:
        """Return the same dataset under a name, with its card, which recordings are told."""
        attrs = {"dataset": name, **({"modality": card.modality} if card else {})}
        recordings = {subject: self._lazily(subject, attrs) for subject in self.subjects}
        return BrainDataset(recordings, self.stimuli, name=name, card=card)

    def select(
        self,
        *,
        subjects: str | Sequence[str] | None = None,
        roi: str | Sequence[str] | None = None,
        neuroids: Sequence[str] | None = None,
    ) -> BrainDataset:
        """Keep some subjects, regions or neuroids; unknown names are errors.

        Parameters
        ----------
        subjects, roi : str or sequence of str, optional
        neuroids : sequence of str, optional
            Full labels, as in ``"PE/007"``.
        """
        wanted = self._known_subjects(subjects)
        if roi is None and neuroids is None:
            return self._with({name: self._lazily(name) for name in wanted})
        recordings = {name: self.recordings[name] for name in wanted}
        known_rois = {str(x) for r in recordings.values() for x in np.ravel(_rois(r))}
        known_neuroids = {str(x) for r in recordings.values() for x in r["neuroid"].values}
        rois = _listed("roi", roi, known_rois)
        names = _listed("neuroid", neuroids, known_neuroids)
        kept = {}
        for subject, recording in recordings.items():
            keep = np.isin(_rois(recording), rois) & np.isin(recording["neuroid"].values, names)
            if keep.any():
                kept[subject] = recording.isel(neuroid=keep)
        if not kept:
            message = f"None of the neuroids asked for lies in roi {', '.join(rois)}."
            raise DataError(message)
        return self._with(kept)

    def _with(
        self, recordings: Mapping[str, xr.DataArray | Callable[[], xr.DataArray]]
    ) -> BrainDataset:
        return BrainDataset(recordings, self.stimuli, name=self.name, card=self.card)

    def _known_subjects(self, subjects: str | Sequence[str] | None) -> list[str]:
        return _listed("subject", subjects, self.subjects)

    def _lazily(
        self, subject: str, attrs: Mapping[str, str] | None = None
    ) -> xr.DataArray | Callable[[], xr.DataArray]:
        """Return the recording if it is there already, else a promise of it."""
        if subject in self._loaded():
            return self.recordings[subject].assign_attrs(attrs or {})
        return lambda: self.recordings[subject].assign_attrs(attrs or {})

    def _loaded(self) -> Mapping[str, xr.DataArray]:
        return self.recordings.loaded if isinstance(self.recordings, _Recordings) else {}

    def __repr__(self) -> str:
        kinds = " and ".join(self.stimulus_kinds) or "unspecified"
        grouped = f" in {self.stimuli['group'].nunique()} groups" if "group" in self.stimuli else ""
        lines = [
            f"BrainDataset {self.name!r}",
            f"  stimuli   {len(self.stimuli)} ({kinds}){grouped}",
            f"  subjects  {len(self.subjects)}",
        ]
        loaded = self._loaded()
        for subject in self.subjects[:8]:
            described = describe(loaded[subject]) if subject in loaded else "not read yet"
            lines.append(f"    {subject}: {described}")
        if len(self.subjects) > 8:
            lines.append(f"    and {len(self.subjects) - 8} more")
        if self.card is not None:
            lines.append(f"  source    {self.card.citation} ({self.card.license})")
        return "\n".join(lines)


class _Recordings(Mapping[str, xr.DataArray]):
    """Recordings that are made when first asked for, and checked against the stimuli then."""

    def __init__(
        self,
        given: Mapping[str, xr.DataArray | Callable[[], xr.DataArray]],
        stimuli: pd.Index,
    ) -> None:
        labels = as_labels(given, "subject")
        self._given = dict(zip(map(str, labels), given.values(), strict=True))
        self._stimuli = stimuli
        self.loaded: dict[str, xr.DataArray] = {}
        for subject, recording in self._given.items():
            if not callable(recording):
                self.loaded[subject] = self._checked(subject, recording)

    def __getitem__(self, subject: str) -> xr.DataArray:
        if subject not in self._given:
            raise unknown_name(subject, self._given, kind="subject")
        if subject not in self.loaded:
            make = self._given[subject]
            self.loaded[subject] = self._checked(subject, make())  # type: ignore[operator]
        return self.loaded[subject]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)

    def _checked(self, subject: str, recording: object) -> xr.DataArray:
        if not isinstance(recording, xr.DataArray):
            message = (
                f"Recording of subject {subject!r} is a {type(recording).__name__}; "
                "make it with make_recording."
            )
            raise DataError(message)
        faults = label_faults(recording)
        if not faults:
            owner = str(recording["subject"].item())
            if owner != subject:
                faults.append(f"it says that it belongs to subject {owner!r}")
            strangers = sorted(set(recording["stimulus"].values) - set(self._stimuli))
            if strangers:
                faults.append(
                    f"{len(strangers)} of its stimuli are not in the stimulus table "
                    f"{name_some(strangers)}"
                )
        if faults:
            message = f"Recording of subject {subject!r} cannot be used: {'; '.join(faults)}."
            raise DataError(message)
        return recording


def _rois(recording: xr.DataArray) -> np.ndarray:
    rois = recording.coords.get("roi")
    n = recording.sizes["neuroid"]
    return np.full(n, "unknown") if rois is None else np.broadcast_to(rois.values, n).astype(str)


def _listed(kind: str, wanted: str | Sequence[str] | None, known: Sequence[str] | set) -> list[str]:
    if wanted is None:
        return list(known)
    names = [wanted] if isinstance(wanted, str) else [str(name) for name in wanted]
    for name in names:
        if name not in known:
            raise unknown_name(name, known, kind=kind)
    if not names:
        message = f"An empty selection of {kind}s was given; leave it out to keep all."
        raise DataError(message)
    return list(dict.fromkeys(names))


def describe(recording: xr.DataArray) -> str:
    """Say in one line what a recording holds; its noise ceiling too, where it is in memory."""
    rois = ", ".join(dict.fromkeys(_rois(recording))) if "roi" in recording.coords else "no roi"
    n_stimuli = len(set(recording["stimulus"].values))
    text = f"{recording.sizes['neuroid']} neuroids ({rois}), {n_stimuli} stimuli, "
    times = f", {recording.sizes['time']} time bins" if "time" in recording.dims else ""
    units = f"in {recording.attrs['units']}{times}"
    repeats = is_showings(recording) or "repetition" in recording.dims
    if not repeats or not in_memory(recording):
        return f"{text}{'repetitions not read yet' if repeats else 'no repetitions'}, {units}"
    if recording.size > LARGE:
        return f"{text}with repetitions, {units}"
    rows = to_showings(recording)
    if not rows.size:
        return f"{text}no responses, {units}"
    _, codes, counts = np.unique(rows["stimulus"].values, return_inverse=True, return_counts=True)
    spread = f"{counts.min()}-{counts.max()}" if counts.min() < counts.max() else f"{counts.min()}"
    values = np.asarray(rows.values, dtype=float).reshape(len(codes), -1)
    halves = spearman_brown(*split_half_correlation(values, codes, 10, np.random.default_rng(0)))
    anova = anova_reliability(values, codes)
    ceiling = (
        f"noise ceiling of variance: median {np.nanmedian(halves):.2f} split-half, "
        f"{np.nanmedian(anova):.2f} ANOVA"
        if np.isfinite(halves).any()
        else "no noise ceiling (no stimulus repeats)"
    )
    return f"{text}{spread} repetitions (median {np.median(counts):g}), {units}; {ceiling}"


def make_dataset(
    responses: np.ndarray | pd.DataFrame | xr.DataArray | Mapping[str, np.ndarray],
    stimuli: pd.DataFrame | Mapping[str, Sequence[object]],
    *,
    roi: str | Sequence[str] | None = None,
    units: str = "unstated units",
    name: str = "own data",
) -> BrainDataset:
    """Make a dataset from arrays in memory.

    Parameters
    ----------
    responses : array (stimulus, neuroid) or (stimulus, repetition, neuroid), or a mapping
        Responses of one subject, or subject -> responses. A DataFrame brings its own labels of
        stimuli (index) and neuroids (columns), matched with those of `stimuli`; rows of a plain
        array are in the order of `stimuli`.
    stimuli : DataFrame or mapping
        As in ``{"image": images}`` or ``{"text": sentences, "group": passages}``. The labels are
        the index of a DataFrame, else "0", "1", ...
    roi : str or sequence of str, optional
        Region of all neuroids, or of each.
    units : str
    name : str

    Returns
    -------
    BrainDataset

    Examples
    --------
    >>> import neuroalign as na, numpy as np
    >>> na.make_dataset(np.eye(3), {"text": ["a cat", "a dog", "a cow"]}, units="z")
    BrainDataset 'own data'
      stimuli   3 (text)
      subjects  1
        subject-1: 3 neuroids (no roi), 3 stimuli, no repetitions, in z
    """
    if isinstance(stimuli, pd.DataFrame):
        table = stimuli.copy(deep=False)
    else:
        columns = {str(column): list(values) for column, values in stimuli.items()}
        if len({len(values) for values in columns.values()}) > 1:
            lengths = ", ".join(f"{column} {len(values)}" for column, values in columns.items())
            message = f"Columns of the stimuli differ in length ({lengths})."
            raise DataError(message)
        table = pd.DataFrame(columns)
    table.index = pd.Index(as_labels(table.index, "stimulus"), name="stimulus")
    per_subject: Mapping[str, object]
    if isinstance(responses, Mapping):
        per_subject = responses
    elif isinstance(responses, xr.DataArray) and "subject" in responses.coords:
        per_subject = {responses["subject"].item(): responses}
    else:
        per_subject = {"subject-1": responses}
    subjects = map(str, as_labels(per_subject, "subject"))
    recordings = {
        subject: _recording_of(values, table, subject, roi, units)
        for subject, values in zip(subjects, per_subject.values(), strict=True)
    }
    return BrainDataset(recordings, table, name=name)


def _recording_of(
    values: object,
    table: pd.DataFrame,
    subject: str,
    roi: str | Sequence[str] | None,
    units: str,
) -> xr.DataArray:
    if isinstance(values, xr.DataArray):
        return values
    stimulus, neuroid = table.index, None
    if isinstance(values, pd.DataFrame):
        stimulus, neuroid = values.index, values.columns
        values = values.to_numpy()
    array = np.asarray(values)
    if array.ndim not in (2, 3):
        message = (
            f"Responses of subject {subject!r} have the shape {array.shape}; "
            "(stimulus, neuroid) or (stimulus, repetition, neuroid) is needed."
        )
        raise DataError(message)
    if len(array) != len(stimulus):
        message = (
            f"Responses of subject {subject!r} have {len(array)} rows, "
            f"but there are {len(stimulus)} stimuli."
        )
        raise DataError(message)
    dims = ("stimulus", "neuroid") if array.ndim == 2 else ("stimulus", "repetition", "neuroid")
    return make_recording(
        array,
        dims,
        subject=subject,
        units=units,
        stimulus=stimulus,
        neuroid=range(array.shape[-1]) if neuroid is None else neuroid,
        **({} if roi is None else {"roi": roi}),  # type: ignore[arg-type]
    )


def shared_stimuli(dataset: BrainDataset, subjects: str | Sequence[str] | None = None) -> list[str]:
    """List the stimuli that all of the subjects met, sorted.

    Parameters
    ----------
    dataset : BrainDataset
    subjects : str or sequence of str, optional
        All by default.

    Returns
    -------
    list of str

    Examples
    --------
    >>> import neuroalign as na, numpy as np
    >>> dataset = na.make_dataset(np.eye(3), {"text": ["a", "b", "c"]})
    >>> na.shared_stimuli(dataset)
    ['0', '1', '2']
    """
    chosen = dataset._known_subjects(subjects)
    sets = [set(dataset.recordings[name]["stimulus"].values) for name in chosen]
    return sorted(str(label) for label in set.intersection(*sets))
