"""Words that tell what a name beside them, or of which they are a part, is. All folded, as in `words.fold`."""

from collections.abc import Mapping


def words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


HONORIFICS = words_of(
    "mr mrs ms miss mx dr sir dame lord lady madame mademoiselle monsieur herr herrn frau senor senora senorita senhor"
    " senhora prof professor"
)
"""A person's name follows, whatever else is known."""

SHORT_TITLES: Mapping[str, Mapping[str, str]] = {
    "de": {"Hr": "herr", "Hrn": "herr", "Fr": "frau"},
    "es": {"Sr": "senor", "Sra": "senora", "Srta": "senorita"},
    "fr": {"M": "monsieur", "Mme": "madame", "Mlle": "mademoiselle", "Pr": "professor"},
    "pt": {"Sr": "senhor", "Sra": "senhora"},
}
"""By language (ISO 639-1): short forms of honorifics, as they are written there; elsewhere they are initials."""

WOMEN = words_of(
    "mrs ms miss dame lady madame mademoiselle frau senora senorita senhora queen princess duchess congresswoman"
    " chairwoman"
)
MEN = words_of("mr sir lord monsieur herr herrn senor senhor king prince duke congressman chairman")

OFFICES = words_of(
    "president senator sen rep representative congressman congresswoman governor gov mayor judge justice minister"
    " premier chancellor secretary ambassador envoy speaker chairman chairwoman chair commissioner ceo pope"
    " archbishop bishop cardinal ayatollah imam sheikh sultan emir king queen prince princess general gen lt"
    " lieutenant col colonel maj major capt captain sgt sergeant cpl corporal adm admiral detective officer sheriff"
    " inspector superintendent coach leader lawmaker candidate nominee reverend rev father sister brother chief"
    " marshal councillor councilman councilwoman deputy spokesman spokeswoman spokesperson director analyst economist"
    " strategist founder lawyer attorney actor actress singer author writer director commander"
)
"""What somebody is, when it stands right before the name: "President Xi"."""

OF_BUSINESS = words_of("ceo chairman chairwoman chair chief director founder analyst economist strategist")
"""Of these, those whose holder's name is often the company's, too: "Chairman Ford"."""

ROLES = words_of(
    "prime vice deputy former acting foreign finance defence defense interior trade treasury energy health us uk eu"
    " state house senate attorney first crown grand chief executive managing"
)
"""Words before an office's own: "Foreign Minister"."""
SURE_OFFICES = words_of(
    "senator sen congressman congresswoman governor gov mayor minister chancellor ambassador pope ayatollah"
)
"""Of these, those after which no other kind of name begins ("General Motors", "Premier League")."""

AFTER_NAMES = words_of("jr sr ii iii iv phd md qc kc")
PARTICLES = words_of(
    "al el ul bin bint ibn ben abu von van der den de del della di da do dos das du la le los las ter ten zu af av st"
)
"""Small words of a family's name: "von der Leyen", "al-Assad", "da Silva"."""
SMALL = PARTICLES | {"of", "the", "and", "for", "in", "on"}
"""Words within a name that may be without a capital."""
DROPPED = words_of("al el ul")
"""Of these, those that the family's name is often without."""

_CHINESE = (
    "ai an bai bao bi bian cai cao cen chai chan chang chao chen cheng cheung chi chiang chiu chow chu chung cui dai"
    " deng ding dong dou du duan fan fang fei feng fok fu fung gan gao ge geng gong gu guan guo han hao he heung ho hon"
    " hong hou hsiao hsieh hsu hu hua huang hui hung ji jia jian jiang jiao jin jing kang ke kong kuo kwan kwok lai lam"
    " lau law lee lei leung li liang liao lim lin ling liu lo long lou lu luk luo lv ma mak man mao mei meng mi miao mo"
    " mok mu ng ni nie ning niu ou ouyang pan pang pei peng poon pu qi qian qiao qin qiu qu quan ren ruan sha shao she"
    " shen sheng shi shum si sima situ song soong su sun szeto tam tan tang tao tian tong tsai tsang tse tseng tung wai"
    " wan wang wei wen weng wong wu xi xia xiang xiao xie xing xiong xu xue yan yang yao ye yeung yi yin ying yip yiu"
    " you yu yuan yue yuen yung zeng zhai zhan zhang zhao zheng zhong zhou zhu zhuang zhuo zong zou zuo"
)
_KOREAN = (
    "ahn an bae baek ban bang byun cha chae cho choi chun chung gong gwon ha han heo hong huh hwang im jang jeon jeong"
    " ji jin jo joo jung kang kim ko koh koo kwon lee lim min moon nam noh oh paik park rhee roh ryu seo shim shin sim"
    " sohn son song suh woo yang yeom yi yoo yoon you yu yun"
)
FAMILY_FIRST = words_of(f"{_CHINESE} {_KOREAN}")
"""Families of China and Korea: their names come before the given one."""

CORPORATE = words_of(
    "inc incorporated corp corporation co company ltd limited llc llp plc lp sa ag nv se gmbh spa kk oyj asa ab as bhd"
    " tbk pte pty holding holdings group"
)
"""What ends a company's full name, and its short one is without."""

BUSINESS = CORPORATE | words_of(
    "airlines airways bancorp bank capital enterprises entertainment exchange industries insurance international"
    " investments laboratories labs motor motors network partners pharmaceuticals re resources securities services"
    " solutions stores studios systems technologies technology ventures"
)
"""What ends the name of a business, which is as often called without it."""
ORGANISATIONS = BUSINESS | words_of(
    "academy administration agency alliance army assembly association authority brigade brotherhood bureau club"
    " coalition commission committee community confederation conference congress consortium cooperation corps council"
    " department energy federation forces foundation front fund guard hospital initiative institute journal league"
    " ministry movement navy news newspaper office organization organisation parliament party police post press"
    " registry school senate service society state survey tech times trust union university workers"
)
PLACES = words_of(
    "airport arena avenue base bay beach boulevard bridge building center centre college county court district hall"
    " harbor harbour heights hill hills hotel hotels house island islands lake library mall mountain mountains museum"
    " palace park peninsula plaza province resort river road sea square stadium station strait street theater theatre"
    " tower towers town valley village canyon creek wilderness wells falls forest zoo shelf roadhouse"
)
KINDS = (
    ORGANISATIONS
    | PLACES
    | words_of("prize award awards day act law cup trophy empire republic diocese futures estate")
)
"""A word of these after a family's name makes another name of it: "Trump Tower"."""

ONES_OWN = words_of("administration campaign cabinet white presidency era")
"""Capitalised after a family's name, they are of that person: "the Trump Administration"."""

SAYS = words_of(
    "said says say told tells tell added adds asked asks announced announces warned warns argued argues noted notes"
    " wrote writes tweeted tweets insisted insists claimed claims denied denies declined declines refused refuses"
    " accused accuses agreed agrees urged urges called calls vowed vows pledged pledges promised promises rejected"
    " rejects replied replies responded responds explained explains suggested suggests stressed stresses believes"
    " believed thinks thought wants wanted hopes hoped expects expected plans planned pushed pushes signed signs met"
    " meets visited visits landed lands arrived arrives left leaves led leads took takes made makes won wins lost"
    " loses resigned resigns retired retires testified testifies described describes acknowledged acknowledges"
    " admitted admits confirmed confirms condemned condemns criticised criticized criticises criticizes praised praises"
    " demanded demands proposed proposes threatened threatens offered offers"
)
"""What people, and governments, do: words that follow a subject."""

COMMON = words_of(
    "a all an any are as at back baker bank banks bell best bill black blue board bond book both bridge bright brown"
    " bush but can case chance chase chin china christian church city close coal cook cooper court cross cruz dance"
    " date day days dear do done down early east even fair far field fields first fish fisher flowers ford foot for"
    " found fox free french full gates general german glass go gold golden good grand grant grass gray great green"
    " guest guy hall hand hard he head her here high hill his home hope house how hunt i if in iron is it judge just"
    " keen key king kings knight ko lake land lane large last late law le less like little long look lord love low ma"
    " mad main major man many march mark market marks marsh marshall masters may me men mercy merchant mi miller mine"
    " moody moon moore more morning most my new news next no nor north not note now oh on one only or our out page"
    " paris park part past peace penny people per pike place point pope post potter power powers price pride prince"
    " queen rain read reed rice rich right rise rivers road rock rose round run sa sad sand see share sharp she short"
    " shin sin small smart snow so some son song south speed spring star state steel still stone storm street strong"
    " summer summers sun swift than that the them then there they this time to too top town two under up us wall war"
    " ward was water waters way we weeks well west what when white who why wide wild will win wind winter wise with"
    " wolf wood woods word words work world would year years yes yet you young your"
)
"""Families' names that are words, too: they count only where a capital is not a sentence's own."""

THINGS = words_of(
    "pie pies juice juices cider ciders sauce sauces tart tarts crumble strudel cake cakes soup soups jam vinegar"
    " orchard orchards tree trees grower growers farmer farmers harvest harvests blossom blossoms beach beaches"
    " rainforest rainforests forest forests jungle jungles basin river deforestation wildfire wildfires bone bones"
    " currency currencies"
)
"""After a company's name that is a word, too, these make another thing of it: "Apple pie", "the Amazon rainforest"."""

MONTHS = words_of("january february march april may june july august september october november december")
BEFORE_MONTHS = words_of(
    "in on of since until till by from last next this early late mid every each before after during through and to"
)
BEFORE_PLACES = words_of("in at near from across throughout inside outside around through via towards of")
