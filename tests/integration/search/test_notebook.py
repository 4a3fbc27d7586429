"""The notebook in examples/, executed from top to bottom in an empty folder, with fewer trials and epochs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[3] / "examples" / "search_from_python.ipynb"
SMALLER = {"trials=4": "trials=1", "epochs=20": "epochs=1"}


@pytest.mark.ray
@pytest.mark.usefixtures("uri")
def test_the_notebook_runs_and_shows_what_it_promises(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for long, short in SMALLER.items():
        assert long in code[0].source
        code[0].source = code[0].source.replace(long, short)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    shown = "".join(str(cell.outputs) for cell in code)
    assert "ct_from_bp.random-n60.gear" in shown
    assert "image/png" in shown
    assert "'done'" in str(code[-1].outputs)


def test_the_notebook_is_kept_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
