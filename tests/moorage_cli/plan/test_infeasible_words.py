"""What the terminal says where nothing can be planned."""

import pytest

from moorage_cli.plan.table import print_infeasible
from pipeline_splitter.plan import Infeasible

FACT = {"task": "train", "pin": "hint sites", "message": "task train must run at mars"}
REMEDY = {"clearance": "restricted", "site": "eu-1", "message": "raise spec.clearance of site eu-1"}


@pytest.mark.parametrize(
    ("answer", "said", "unsaid"),
    [
        (Infeasible((FACT,), (REMEDY,)), ["each of them is needed", "Any one of these would"], ["Time ran out"]),
        (Infeasible((FACT,), ()), ["each of them is needed", "No single release"], ["Time ran out"]),
        (
            Infeasible((FACT,), (), ("facts", "remedies")),
            ["one of these facts may be superfluous", "before everything that may help was tried"],
            ["each of them is needed", "No single release"],
        ),
    ],
    ids=["remedies", "none", "late"],
)
def test_no_more_is_said_than_is_known(
    capsys: pytest.CaptureFixture[str], answer: Infeasible, said: list[str], unsaid: list[str]
) -> None:
    """Facts and remedies, and whether these are all."""
    print_infeasible(answer)
    err = capsys.readouterr().err
    assert "task train must run at mars" in err
    assert all(words in err for words in said)
    assert not any(words in err for words in unsaid)
