"""What the axes of the outputs of a network are, and how they are brought into one order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from neuroalign.errors import DataError
from neuroalign.models.layers import matches
from neuroalign.models.protocol import AXES, BY_NUMBER

STIMULUS = "stimulus"
Axes = Sequence[str] | Mapping[str, Sequence[str]]


class LayerAxes:
    """Name the axes of layers, as a user says or by their number.

    Parameters
    ----------
    axes : sequence of str, or mapping of str to sequence of str, optional
        Names in the order in which the network has them; "stimulus" is the first one where it is
        not among them. A sequence holds for all layers with so many axes, a mapping for the layers
        of that name or pattern.
    """

    def __init__(self, axes: Axes | None = None) -> None:
        given = axes if isinstance(axes, Mapping) else {"**": axes} if axes else {}
        self._of_all = not isinstance(axes, Mapping)
        self._given = {pattern: _checked(names) for pattern, names in given.items()}

    @property
    def have_time(self) -> bool:
        """Whether any layer has an axis of time."""
        return any("time" in names for names in self._given.values())

    def __repr__(self) -> str:
        """Return what was given, as part of the identity of activations."""
        return repr((self._of_all, self._given))

    def names(self, path: str, n_axes: int) -> tuple[str, ...]:
        """Return the names of the axes after the stimulus, in the order of `ordered`."""
        given = self._full(path, n_axes)
        return BY_NUMBER[n_axes - 1] if given is None else _in_order(given)

    def ordered(self, path: str, layer: str, tensor: torch.Tensor, n_stimuli: int) -> torch.Tensor:
        """Return an output with the stimulus first and the other axes in the order of `AXES`."""
        given = self._full(path, tensor.ndim)
        shape = tuple(tensor.shape)
        if given is None and tensor.ndim - 1 not in BY_NUMBER:
            message = (
                f"Layer {layer!r} returns the shape {shape}; a tensor with 2 to 4 axes is needed."
            )
            raise DataError(message)
        if given is not None:
            if len(given) != tensor.ndim:
                message = (
                    f"Layer {layer!r} returns the shape {shape}, but its axes are said to be "
                    f"{given}; name as many as there are."
                )
                raise DataError(message)
            tensor = tensor.permute([given.index(name) for name in (STIMULUS, *_in_order(given))])
        if len(tensor) != n_stimuli:
            stimuli = "1 stimulus" if n_stimuli == 1 else f"{n_stimuli} stimuli"
            message = (
                f"Layer {layer!r} returns {len(tensor)} rows for {stimuli}; if another axis is the "
                "stimulus, say so, as in axes=('token', 'stimulus', 'channel')."
            )
            raise DataError(message)
        return tensor

    def _full(self, path: str, n_axes: int) -> tuple[str, ...] | None:
        """Return what was given for a layer, the stimulus included."""
        for pattern, names in self._given.items():
            if self._of_all and len(names) != n_axes:
                continue
            if matches(pattern, path):
                return names
        return None


def _checked(names: Sequence[str]) -> tuple[str, ...]:
    rest = [name for name in names if name != STIMULUS]
    if isinstance(names, str) or len(set(names)) < len(names) or set(rest) not in map(set, AXES):
        known = ", ".join(f"({', '.join(axes)})" for axes in AXES)
        message = (
            f"axes={names!r} are not those of a layer; give one of {known}, in the order of the "
            "network, with 'stimulus' where that is not the first."
        )
        raise DataError(message)
    return tuple(names) if STIMULUS in names else (STIMULUS, *names)


def _in_order(names: Sequence[str]) -> tuple[str, ...]:
    return next(axes for axes in AXES if set(axes) == set(names) - {STIMULUS})
