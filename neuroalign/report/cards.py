"""Tables of datasets from their cards, for the screen and for pages."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from neuroalign.data.cards import DatasetCard

UNSTATED = "-"
UNITS = ("bytes", "kB", "MB", "GB", "TB")


def table_of_cards(cards: Mapping[str, DatasetCard]) -> pd.DataFrame:
    """Return what is known of datasets before their files are read, in words.

    Parameters
    ----------
    cards : mapping of str to DatasetCard

    Returns
    -------
    DataFrame
        A row a dataset, sorted by modality and name.
    """
    rows = [
        {
            "dataset": name,
            "modality": card.modality,
            "species": card.species,
            "subjects": _count(card.n_subjects),
            "stimuli": f"{_count(card.n_stimuli)} {card.stimulus}".removeprefix(f"{UNSTATED} "),
            "neuroids": _count(card.n_neuroids),
            "repetitions": card.n_repetitions or UNSTATED,
            "size": _size(card.size),
            "from": _origin(card),
            "checked on": card.verified if card.files else UNSTATED,
            "license": card.license,
            "citation": card.citation,
        }
        for name, card in sorted(cards.items(), key=lambda item: (item[1].modality, item[0]))
    ]
    return pd.DataFrame(rows)


def as_markdown(table: pd.DataFrame) -> str:
    """Write a table of words for a page."""
    lines = ["| " + " | ".join(map(str, table.columns)) + " |", "|---" * table.shape[1] + "|"]
    for row in table.itertuples(index=False):
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines)


def cards_page(cards: Mapping[str, DatasetCard]) -> str:
    """Write the table of datasets for a page, and below it where files are got by hand.

    Parameters
    ----------
    cards : mapping of str to DatasetCard

    Returns
    -------
    str
        Markdown.
    """
    by_hand = [
        f"- `{name}`: {card.how_to_get}" for name, card in sorted(cards.items()) if card.how_to_get
    ]
    table = as_markdown(table_of_cards(cards))
    return "\n".join([table, "", "Got by hand, from:", "", *by_hand]) if by_hand else table


def _count(number: int | None) -> str:
    return UNSTATED if number is None else f"{number:,}"


def _size(size: int | None) -> str:
    """Write bytes with a unit, in powers of 1000, as disks are sold."""
    if size is None:
        return UNSTATED
    power, value = 0, float(size)
    while value >= 1000 and power < len(UNITS) - 1:
        power, value = power + 1, value / 1000
    return (
        f"{value:.0f} {UNITS[power]}" if value >= 10 or not power else f"{value:.1f} {UNITS[power]}"
    )


def _origin(card: DatasetCard) -> str:
    """Say whether files are downloaded, got by hand, or not needed."""
    if not card.files:
        return "no files" if card.how_to_get is None else "by hand"
    fetched = sum(address.startswith("http") for address in card.files.values())
    if fetched == len(card.files):
        return "download"
    return "by hand" if not fetched else "download and by hand"
