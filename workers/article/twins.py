"""Languages too near to each other for their letters: told apart by frequent words that one has and another has not."""

import re
from collections.abc import Mapping

_WORD = re.compile(r"\w+")
_FAMILIES: tuple[dict[str, str], ...] = (
    {
        "da": "af efter blev hvad noget nogen nogle uden igen siger sagde mig dig sig ud op nu bliver havde mere dage"
        " gik fik gav stod penge købe måske regeringen",
        "no": "av etter ble hva noe noen uten igjen sier sa meg deg seg ut opp nå blir hadde mer dager gikk fikk ga sto"
        " penger kjøpe kanskje regjeringen mye fram",
    },
    {
        "id": "karena bahwa uang mobil perusahaan bisa kantor polisi jumat senin kamis maret agustus desember yaitu"
        " saja persen miliar triliun kuartal pemerintah warga listrik gedung setempat pengadilan pertandingan",
        "ms": "kerana bahawa wang syarikat bandar polis hospital jumaat isnin khamis ahad mac ogos jun julai disember"
        " ialah selepas manakala iaitu sahaja peratus bilion universiti kerajaan elektrik tempatan jurulatih pengarah",
    },
    {
        "cs": "se které která který jsou byl byla bylo jako není může před při nebo když také protože podle jejich jen"
        " ještě mezi jsem lidé řekl ve ze",
        "sk": "sa ktoré ktorá ktorý sú bol bola bolo ako nie môže pred pri alebo keď tiež pretože podľa ich len ešte"
        " medzi som ľudia povedal aj vo zo",
    },
    {
        "hr": "tko tisuća tisuće europa europe europske tijekom siječnja veljače ožujka travnja svibnja lipnja srpnja"
        " kolovoza rujna listopada studenoga prosinca tvrtka tvrtke predsjednik vrijeme gdje dvije poslije",
        "bs": "ko hiljada hiljade evropa evrope evropske tokom januara februara marta aprila maja juna jula augusta"
        " septembra oktobra novembra decembra predsjednik vrijeme gdje dvije poslije",
        "sr": "ko hiljada hiljade evropa evrope evropske tokom januara februara marta aprila maja juna jula avgusta"
        " septembra oktobra novembra decembra predsednik vreme gde dve posle mesto",
    },
)
_WORDS: Mapping[str, tuple[tuple[str, frozenset[str]], ...]] = {
    language: tuple((member, frozenset(words.split())) for member, words in family.items())
    for family in _FAMILIES
    for language in family
}


def twins(language: str) -> tuple[str, ...]:
    """The languages that one is easily taken for, itself among them; none for most."""
    return tuple(member for member, _ in _WORDS.get(language, ()))


def told_apart(text: str, language: str) -> str | None:
    """Which of a language and its twins a text's words are of, None where they do not say.

    The words of one have to be more than twice those of any other: a foreign name brings one or two.
    """
    said = _WORD.findall(text.lower())
    counts = sorted(((sum(map(words.__contains__, said)), member) for member, words in _WORDS[language]), reverse=True)
    (most, best), (next_most, _), *_ = counts
    return best if most > 2 * next_most else None
