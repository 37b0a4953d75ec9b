"""The properties of every method are what the literature says, and what docs/properties.md says."""

from __future__ import annotations

import pytest

from tests.support.properties_table import COMPARED, DOCUMENT, PROPERTIES, measure, render

pytestmark = pytest.mark.slow  # half a minute of small networks

COLUMNS = [each.name for each in PROPERTIES]
NOT = {
    "rescale": {"symmetry at a kink", "implementation invariance"},
    "reveal_cancel": {"implementation invariance"},
    "gradient": {"sensitivity", "continuity", "completeness", "symmetry at a kink"},
    "gradient_times_input": {"sensitivity", "continuity", "completeness", "symmetry at a kink"},
    "guided_backprop": {"sensitivity", "continuity", "completeness", "symmetry at a kink", "linearity"},
    "deconvnet": {"sensitivity", "completeness", "symmetry at a kink", "linearity"},
    "smoothgrad": {"sensitivity", "continuity", "completeness", "symmetry", "symmetry at a kink"},
    "integrated_gradients": {"symmetry at a kink"},
    "expected_gradients": {"completeness", "symmetry at a kink"},
    "deep_shap": {"symmetry at a kink", "implementation invariance"},
    "grad_cam": {"sensitivity", "specificity", "continuity", "completeness", "linearity"},
    "grad_cam_plus_plus": {"sensitivity", "specificity", "continuity", "completeness", "linearity"},
    "guided_grad_cam": {"sensitivity", "continuity", "completeness", "symmetry at a kink", "linearity"},
    "rsi_grad_cam": {"specificity", "continuity", "completeness", "linearity"},
    "occlusion": {"completeness"},
}


@pytest.fixture(scope="module")
def table() -> dict[str, list[bool]]:
    return measure()


@pytest.mark.parametrize("method", COMPARED)
def test_properties(table: dict[str, list[bool]], method: str) -> None:
    lacking = {name for name, holds in zip(COLUMNS, table[method], strict=True) if not holds}
    assert lacking == NOT[method]


def test_document_is_up_to_date(table: dict[str, list[bool]]) -> None:
    if not DOCUMENT.is_file():
        pytest.skip("docs/properties.md is not part of an installed package")
    assert DOCUMENT.read_text(encoding="utf-8") == render(table), "run python -m tests.support.properties_table"
