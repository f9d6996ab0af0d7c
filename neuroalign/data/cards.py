"""The facts about a dataset that are known before any file is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from neuroalign.data.download import HASHES, split_address
from neuroalign.data.schema import STIMULUS_KINDS
from neuroalign.errors import DataError

MODALITIES = ("fmri", "seeg", "ecog", "eeg", "meg", "spikes", "calcium", "behavior", "simulated")


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """State where a dataset comes from, what it holds, and how far its adapter was checked.

    Parameters
    ----------
    citation : str
        Preferably ``"doi:..."``.
    modality : str
        One of "fmri", "seeg", "ecog", "eeg", "meg", "spikes", "calcium", "behavior", "simulated".
    species : str
        As in "human" or "macaque".
    stimulus : str
        What was presented: "text", "image", "audio" or "video"; or "condition" where the stimuli
        are not distributed, and the table only names what was shown.
    license : str
        SPDX identifier, or what the owners say.
    files : mapping, optional
        File name -> ``"https://...#sha256=<64 hexadecimal digits>"``, or
        ``"https://...#sha1=<40 hexadecimal digits>"`` where the owners state no other hash.
        A file that is got by hand, and of which they state none, has the address ``""``; say then
        how (`how_to_get`).
    how_to_get : str, optional
        For data behind a form: the page to go to. Files then need no address.
    verified : str, optional
        What the adapter was run against: "original files", "documented layout" or "nothing".
    notes : str, optional
        What whoever uses the data should know, such as what was inferred rather than stated.
    n_subjects, n_stimuli, n_neuroids : int, optional
        Of everything that is published, whatever part of it `load` returns by default.
    n_repetitions : str, optional
        Showings of a stimulus to one subject, as in "1" or "6-10".
    size : int, optional
        Bytes of all files.
    known_faults : sequence of str, optional
        Faults of the original files that are delivered as they are, in the words in which
        `neuroalign check` would list them; it lists the others.

    Examples
    --------
    >>> import neuroalign as na
    >>> card = na.DatasetCard(citation="doi:10.1/x", modality="fmri", species="human",
    ...     stimulus="text", license="CC0-1.0")
    >>> card.verified
    'nothing'
    """

    citation: str
    modality: str
    species: str
    stimulus: str
    license: str
    files: Mapping[str, str] = field(default_factory=dict)
    how_to_get: str | None = None
    verified: str = "nothing"
    notes: str = ""
    n_subjects: int | None = None
    n_stimuli: int | None = None
    n_neuroids: int | None = None
    n_repetitions: str | None = None
    size: int | None = None
    known_faults: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse words outside the vocabulary, and files that cannot be verified."""
        for name, allowed in (("modality", MODALITIES), ("stimulus", STIMULUS_KINDS)):
            value = getattr(self, name)
            if value not in allowed:
                message = f"DatasetCard {name}={value!r} is not one of {', '.join(allowed)}."
                raise DataError(message)
        for name, address in self.files.items():
            parts = name.replace("\\", "/").split("/")
            if not all(parts) or ".." in parts:
                message = (
                    f"DatasetCard file {name!r} lies outside the folder of the dataset; name a "
                    "path within it, as in 'sub-01/responses.npy'."
                )
                raise DataError(message)
            if not address and self.how_to_get:
                continue  # got by hand, and its owners state no hash
            _, algorithm, digest = split_address(address)
            known = len(digest) == HASHES[algorithm] and set(digest) <= set("0123456789abcdef")
            if not known or not address.startswith(("https://", "http://", "#")):
                message = (
                    f"DatasetCard file {name!r} has the address {address!r}; "
                    "write 'https://...#sha256=<64 hexadecimal digits>', or only '#sha256=...' for "
                    "a file that cannot be fetched."
                )
                raise DataError(message)
