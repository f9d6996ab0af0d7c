"""A dataset: recordings of subjects, and the one table of stimuli that they met."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.cards import DatasetCard
from neuroalign.data.description import describe, rois_of
from neuroalign.data.dissimilarities import (
    column_dim,
    dissimilarity_label_faults,
    is_dissimilarities,
)
from neuroalign.data.faults import made_or_refused, refuse
from neuroalign.data.schema import (
    SAMPLE_COORDS,
    as_labels,
    event_faults,
    is_stream,
    label_faults,
    stimulus_faults,
    stimulus_kinds,
)
from neuroalign.errors import DataError, name_some, unknown_name


class BrainDataset:
    """Recordings of one or more subjects, and the stimuli they met.

    Parameters
    ----------
    recordings : mapping of str to DataArray
        Subject -> recording, as `make_recording` returns it, or a function without arguments that
        returns it when it is first needed. Or, where no responses are published, subject ->
        dissimilarities (rdm, stimulus, stimulus_other), as `na.rsa.make_dissimilarities` returns
        them.
    stimuli : DataFrame
        Index: stimulus labels. Columns: "text", "image", "audio" or "video" (value or path), or
        "condition" (a name) where the stimuli are not distributed, so that only activations
        computed elsewhere can be scored; optionally "group" (what cross-validation keeps
        together) and anything else. Those of streams have "run" and "onset" (s in the run), and
        optionally "duration" (s).
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
        refuse(f"Stimuli of dataset {name!r} cannot be used", "stimuli", stimulus_faults(stimuli))
        if "group" in stimuli:
            stimuli["group"] = as_labels(stimuli["group"], "group")
        if set(SAMPLE_COORDS) <= set(stimuli) and stimuli["run"].notna().all():
            stimuli["run"] = as_labels(stimuli["run"], "run")
        self.stimuli = stimuli
        self.recordings: Mapping[str, xr.DataArray] = _Recordings(recordings, stimuli)

    @property
    def subjects(self) -> list[str]:
        """Names of the subjects."""
        return list(self.recordings)

    @property
    def stimulus_kinds(self) -> list[str]:
        """What the stimuli are: text, image, audio or video, or conditions that are named only."""
        return stimulus_kinds(self.stimuli)

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
            Full labels, as in ``"PE/007"``. Dissimilarities have none.
        """
        wanted = self._known_subjects(subjects)
        if roi is None and neuroids is None:
            return self._with({name: self._lazily(name) for name in wanted})
        recordings = {name: self.recordings[name] for name in wanted}
        if neuroids is not None and any(map(is_dissimilarities, recordings.values())):
            message = (
                f"Dataset {self.name!r} holds dissimilarities, which have no neuroids; select "
                "subjects or roi."
            )
            raise DataError(message)
        if roi is not None and not any("roi" in one.coords for one in recordings.values()):
            message = (
                f"The recordings of dataset {self.name!r} name no roi, so that none can be "
                "selected; leave it out."
            )
            raise DataError(message)
        known_rois = {str(x) for r in recordings.values() for x in np.ravel(rois_of(r))}
        known_names = {str(x) for r in recordings.values() for x in r[column_dim(r)].values}
        rois = _listed("roi", roi, known_rois)
        names = _listed("neuroid", neuroids, known_names)
        kept = {}
        for subject, recording in recordings.items():
            axis = column_dim(recording)
            named = np.isin(recording[axis].values.astype(str), names)
            if (keep := np.isin(rois_of(recording), rois) & named).any():
                kept[subject] = recording.isel({axis: keep})
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
            lines += [f"  notes     {self.card.notes}"] if self.card.notes else []
        return "\n".join(lines)


class _Recordings(Mapping[str, xr.DataArray]):
    """Recordings that are made when first asked for, and checked against the stimuli then."""

    def __init__(
        self,
        given: Mapping[str, xr.DataArray | Callable[[], xr.DataArray]],
        stimuli: pd.DataFrame,
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
            made = made_or_refused(subject, self._given[subject])  # type: ignore[arg-type]
            self.loaded[subject] = self._checked(subject, made)
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
        listed = dissimilarity_label_faults if is_dissimilarities(recording) else label_faults
        faults = listed(recording)
        sound, stream = not faults, is_stream(recording)
        if sound:
            owners = set(map(str, np.ravel(recording["subject"].values)))
            if others := sorted(owners - {subject}):
                faults.append(f"it says that it belongs to subject {others[0]!r}")
        if sound or ("stimulus" in recording.coords and not stream):
            faults += self._stimulus_faults(recording)
        refuse(f"Recording of subject {subject!r} cannot be used", f"subject {subject!r}", faults)
        return recording

    def _stimulus_faults(self, recording: xr.DataArray) -> list[str]:
        """List where a recording disagrees with the stimulus table, or with the others in kind."""
        pairs, stream = is_dissimilarities(recording), is_stream(recording)
        unlike = [name for name, other in self.loaded.items() if is_dissimilarities(other) != pairs]
        if unlike:
            kinds = ("dissimilarities", "responses")[:: 1 if pairs else -1]
            return [f"it holds {kinds[0]}, but that of {unlike[0]!r} {kinds[1]}; load them apart"]
        unlike = [name for name, other in self.loaded.items() if is_stream(other) != stream]
        if unlike:
            kind, other = ("a stream", "none") if stream else ("no stream", "one")
            return [f"it is {kind}, but that of {unlike[0]!r} is {other}; load them apart"]
        if stream:
            return event_faults(recording, self._stimuli)
        strangers = sorted(set(recording["stimulus"].values) - set(self._stimuli.index))
        if not strangers:
            return []
        names = name_some(strangers)
        return [f"{len(strangers)} of its stimuli are not in the stimulus table {names}"]


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
    if any(is_stream(dataset.recordings[name]) for name in chosen):
        message = (
            f"Dataset {dataset.name!r} holds streams, in which nobody meets single stimuli; "
            "shared_stimuli is for recordings of events or showings."
        )
        raise DataError(message)
    sets = [set(dataset.recordings[name]["stimulus"].values) for name in chosen]
    return sorted(str(label) for label in set.intersection(*sets))
