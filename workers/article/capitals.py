"""Capitals, folded, and their countries, under the gazetteer's names.

Left out are those that mean something else as often (Brussels, Delhi, Abu Dhabi) and those that are disputed.
"""

_COUNTRIES = """
Washington=United States; Beijing=China; Moscow=Russia; Tokyo=Japan; Seoul=South Korea; Pyongyang=North Korea;
London=United Kingdom; Paris=France; Berlin=Germany; Rome=Italy; Madrid=Spain; Kyiv=Ukraine; Kiev=Ukraine;
Ottawa=Canada; Canberra=Australia; Wellington=New Zealand; New Delhi=India; Islamabad=Pakistan;
Kabul=Afghanistan; Tehran=Iran; Baghdad=Iraq; Damascus=Syria; Beirut=Lebanon; Amman=Jordan;
Riyadh=Saudi Arabia; Doha=Qatar; Ankara=Turkey; Athens=Greece; Cairo=Egypt; Taipei=Taiwan; Hanoi=Vietnam;
Manila=Philippines; Jakarta=Indonesia; Kuala Lumpur=Malaysia; Bangkok=Thailand; Phnom Penh=Cambodia;
Naypyidaw=Myanmar; Dhaka=Bangladesh; Colombo=Sri Lanka; Kathmandu=Nepal; Warsaw=Poland; Budapest=Hungary;
Prague=Czech Republic; Bratislava=Slovakia; Vienna=Austria; Bern=Switzerland; Lisbon=Portugal; Dublin=Ireland;
Copenhagen=Denmark; Stockholm=Sweden; Oslo=Norway; Helsinki=Finland; Tallinn=Estonia; Riga=Latvia;
Vilnius=Lithuania; Minsk=Belarus; Bucharest=Romania; Sofia=Bulgaria; Belgrade=Serbia; Pristina=Kosovo;
Skopje=North Macedonia; Tirana=Albania; Zagreb=Croatia; Ljubljana=Slovenia; Chisinau=Moldova; Tbilisi=Georgia;
Yerevan=Armenia; Baku=Azerbaijan; Astana=Kazakhstan; Tashkent=Uzbekistan; Mexico City=Mexico; Havana=Cuba;
Caracas=Venezuela; Bogota=Colombia; Brasilia=Brazil; Buenos Aires=Argentina; Lima=Peru; Quito=Ecuador;
Managua=Nicaragua; Nairobi=Kenya; Addis Ababa=Ethiopia; Khartoum=Sudan; Juba=South Sudan; Kigali=Rwanda;
Kinshasa=Democratic Republic of the Congo; Pretoria=South Africa; Abuja=Nigeria; Accra=Ghana; Algiers=Algeria;
Rabat=Morocco; Tunis=Tunisia; Tripoli=Libya; Bamako=Mali; Niamey=Niger; Ouagadougou=Burkina Faso;
Harare=Zimbabwe; Lusaka=Zambia; Kampala=Uganda; Asmara=Eritrea; Mogadishu=Somalia; Sanaa=Yemen;
Ulaanbaatar=Mongolia
"""

CAPITALS: dict[tuple[str, ...], str] = {
    tuple(capital.lower().split()): country
    for capital, country in (pair.strip().split("=") for pair in _COUNTRIES.split(";"))
}


def capitals_of(country: str) -> tuple[str, ...]:
    """The capitals of a country, folded; none where it is not known by this name."""
    return tuple(" ".join(capital) for capital, name in CAPITALS.items() if name == country)
