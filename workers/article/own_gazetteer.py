"""A gazetteer of the user's own: names that the one that ships does not know, and more forms of those that it does."""

from pathlib import Path

from alerts.document import Problem, Unreadable
from alerts.document import load as document_in
from alerts.gazetteer import Entry, GazetteerError
from workers.article.gazetteer_file import shipped
from workers.article.own_gazetteer_form import NamesForm


def load(path: Path) -> tuple[Entry, ...]:
    """The entries of a file. Raises GazetteerError with everything that is wrong with it."""
    entries, problems = _read(path)
    if problems:
        raise GazetteerError(problems)
    return entries


def check(path: Path) -> tuple[Problem, ...]:
    """Everything that is wrong with a file, by line. It does not raise."""
    return tuple(_read(path)[1])


def _read(path: Path) -> tuple[tuple[Entry, ...], list[Problem]]:
    """The entries, and what is wrong: then there are none."""
    try:
        document = document_in(path)
    except Unreadable as error:
        return (), [error.problem(str(path))]
    form = NamesForm(str(path), shipped())
    entries = form.names(document)
    if form.problems:
        return (), sorted(form.problems, key=lambda problem: problem.line)
    return tuple(entries), []


TEMPLATE = """\
# Names of your own, beside those that ship. Check the file with `wirewatch gazetteer check FILE`, and name it in the
# settings: gazetteer_file = "gazetteer.yaml". The enrich workers follow it as it is saved.
names:
  - id: acme:kestrel           # a Wikidata id, or PREFIX:NAME with a prefix of yours; mentions have it as entity_id
    name: Kestrel Lines        # what mentions are called, whatever form the text uses
    label: ORG                 # ORG, PERSON, GPE, LOC, NORP, FAC, PRODUCT, EVENT, LAW or WORK_OF_ART
    # Other forms, in a list or by language. They are found as they are written here: case counts, words are whole.
    aliases:
      en: [Kestrel, Kestrel Container Lines]
      zh: [红隼航运]
    # What forms of one word may mean besides, so that they count only where nothing speaks for that:
    #   part      a part of another name (Jordan): not beside a capitalised word
    #   word      a common word (Apple): nor where it begins a sentence or stands in a headline
    #   capitals  a word in capitals (WHO): not in a line that is all in capitals
    #   language  a word of other languages: in texts of the alias's language only
    care: word

  - extends: Q713418           # a name that ships: these forms are added to its own
    aliases: [TSMC Arizona]

  - extends: Q865
    name: Taiwan (ROC)         # called so from now on
"""
"""A commented file to start from."""
