"""The pages of families: their table is made of the code, and those of vision run with it.

Blocks of pages that need torchvision are marked ``py``; test_examples.py runs those marked
``python`` on every machine.
"""

import re
from pathlib import Path

import pandas as pd
import pytest

from neuroalign.models.families import FAMILIES
from neuroalign.report.cards import as_markdown

FOLDER = Path(__file__).parent.parent / "docs" / "families"
PAGE = FOLDER / "README.md"
MARKED = re.compile(r"(?<=<!-- families -->\n).*?(?=\n<!-- /families -->)", re.DOTALL)


def table():
    rows = [
        {
            "family": f"[{family}]({family}.md)",
            "as in": f"`{facts.example}`",
            "reads": facts.reads,
            "packages": facts.packages,
            "trained weights": facts.weights,
            "untrained twin from": facts.untrained,
        }
        for family, facts in sorted(FAMILIES.items())
    ]
    return as_markdown(pd.DataFrame(rows))


def test_the_table_of_families_is_what_the_code_says():
    written = MARKED.search(PAGE.read_text())[0]
    assert written == table(), (
        f"{PAGE.name} is not what the code says; write it anew: python tests/test_families_docs.py"
    )


def test_every_family_has_a_page():
    assert {f"{family}.md" for family in FAMILIES} <= {page.name for page in FOLDER.glob("*.md")}


@pytest.mark.parametrize("name", ["timm", "torchvision", "open_clip"])
@pytest.mark.usefixtures("vision_packages")
def test_the_code_of_pages_of_vision_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```py\n(.*?)^```", (FOLDER / f"{name}.md").read_text(), re.M | re.S)
    assert blocks
    namespace = {}
    for code in blocks:
        exec(compile(code, name, "exec"), namespace)


if __name__ == "__main__":
    PAGE.write_text(MARKED.sub(lambda _: table(), PAGE.read_text(), count=1))
