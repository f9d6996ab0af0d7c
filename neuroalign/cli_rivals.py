"""Which models `neuroalign score` scores beside a model: its untrained twin, and a baseline."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from neuroalign.cli_options import TRUTH, read_pairs, split_names
from neuroalign.errors import DataError, NeuroalignError
from neuroalign.models.baselines import BASELINES
from neuroalign.models.families import FAMILIES

if TYPE_CHECKING:
    from neuroalign.cli_options import Load
    from neuroalign.models.protocol import Model


def asked_model(model: str, option: list[str] | None) -> tuple[str, dict[str, str]]:
    """Return the model that is meant and its options: with untrained=true that is the twin."""
    from neuroalign.models.catalog import twin_of

    pairs = read_pairs(option, "--model-option")
    if TRUTH.get(pairs.get("untrained", "").lower()) and (twin := twin_of(model)):
        del pairs["untrained"]
        return twin, pairs
    return model, pairs


def rivals_of(model: str, reads: str | None, against: str | None) -> list[str]:
    """Name the models that are scored beside: those asked for, or what every network must beat."""
    from neuroalign.models.catalog import model_loader, twin_of

    if against is None:
        wanted = (twin_of(model), BASELINES.get(str(reads)))
        return [name for name in wanted if name is not None and name != model]
    rivals = [] if against == "none" else split_names(against) or []
    for name in rivals:
        model_loader(name)  # refuses what could not be loaded later, and loads nothing
    return list(dict.fromkeys(rivals))


def rival_options(rival: str, model: str, options: Mapping[str, str]) -> dict[str, str]:
    """Return what a rival is told: the twin of a model all that a network without weights takes."""
    from neuroalign.models.catalog import takes_option, twin_of

    if rival != twin_of(model):
        return {}
    return {name: value for name, value in options.items() if takes_option(rival, name)}


def load_rivals(
    names: Sequence[str], model: str, options: Mapping[str, str], network: Model, load: Load
) -> Iterator[tuple[str, Model]]:
    """Load models one after the other; refuse a twin that has the weights of the network."""
    from neuroalign.models.catalog import twin_of

    for name in names:
        rival = load(name, rival_options(name, model, options))
        prints = [getattr(one, "fingerprint", object)() for one in (network, rival)]
        if name == twin_of(model) and prints[0] == prints[1]:
            message = (
                f"Model {name!r} has the very weights of the model that it is scored beside, "
                f"{network.name!r}; a function with an option 'untrained' must obey it."
            )
            raise DataError(message)
        yield name, rival


def layers_of_rival(rival: Model, layers: Sequence[str] | None) -> list[str] | None:
    """Return the names and patterns that mean layers of a rival; None, for its own, without any."""
    from neuroalign.models.protocol import selected_layers

    found: list[str] = []
    for layer in layers or []:
        with suppress(NeuroalignError):
            found += [layer] if selected_layers(rival, layer) else []
    return found or None


def names_own_module(word: str) -> bool:
    """Tell whether a word of the command line may name a function, as in "module:function"."""
    found = re.findall(r"(?<![\w.:/])([^\W\d][\w.]*):[^\W\d]", word)
    return any(name not in FAMILIES for name in found)
