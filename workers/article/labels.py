"""The labels of mentions are OntoNotes', whatever the pipeline that found them calls its own."""

_OURS = {
    "PERSON": "PER PRS PS persName",
    "ORG": "ORGANIZATION OG orgName",
    "GPE": "GPE_LOC GPE_ORG placeName",
    "LOC": "LC geogName",
    "FAC": "FACILITY",
    "NORP": "NAT_REL_POL",
    "EVENT": "EVN EVT",
    "PRODUCT": "PROD",
    "WORK_OF_ART": "WRK",
    "DATE": "DATETIME PERIOD DT date",
    "TIME": "TME TI time",
    "QUANTITY": "MSR QT",
    "CARDINAL": "NUMERIC_VALUE",
    "": "MISC DERIV_PER DRV OBJ",
}
"""Those of spaCy's pipelines for other languages. LOC stays: where a corpus knows no GPE, it is both.

What only says that it is a name of some other kind is left out.
"""
_BY_THEIRS = {theirs: label for label, names in _OURS.items() for theirs in names.split()}


def ours(label: str) -> str:
    """OntoNotes' label for a pipeline's; "" for a mention that is left out. Those that we do not know stay."""
    return _BY_THEIRS.get(label, label)
