#!/usr/bin/python3
"""Makes the demo scenario: two regions in spring 2020, with 478 parties of which 182 can make something.

    make.py [--start YYYY-MM-DD] [DIRECTORY]

Départements, regions, places and populations are facts (departements.csv). Everything else is
made up from a seed: the same start day gives the same bytes, another one the same scenario on
other days. Without arguments the files beside this program are written.
"""
import argparse
import csv
import datetime
import pathlib
import random

HERE = pathlib.Path(__file__).resolve().parent
SEED = 20200406
START = "2020-04-06"

PARTY_COUNT = 478
OFFERER_COUNT = 182
HOSPITAL_COUNT = 60
CARE_HOME_COUNT = 130
SUPPLY_PERCENT = 70  # Of what is needed, over all products.

# id, family, name, unit, lot, need_max, offer_max, supply in percent of what is needed
PRODUCTS = [
    ("surgical-mask", "mask", "Surgical mask, EN 14683", "piece", 50, 200000, 2000000, 70),
    ("ffp2-mask", "mask", "Respirator FFP2, EN 149", "piece", 20, 50000, 400000, 55),
    ("barrier-mask", "mask", "Washable mask, UNS1", "piece", 50, 100000, 800000, 80),
    ("gown", "gown", "Gown, long sleeves", "piece", 10, 40000, 400000, 65),
    ("visor", "visor", "Face shield", "piece", 10, 10000, 100000, 90),
    ("gel", "gel", "Hydroalcoholic gel", "litre", 5, 10000, 100000, 75),
    ("ventilator", "ventilator", "Emergency ventilator", "piece", 1, 200, 500, 60),
    ("thermometer", "instrument", "Contactless thermometer", "piece", 5, 2000, 20000, 85),
    ("test-kit", "test", "Sampling kit with tube", "piece", 20, 20000, 100000, 60),
    ("stand", "furniture", "Drip stand, stainless steel", "piece", 1, 500, 5000, 90),
    ("telemedicine-set", "instrument", "Telemedicine set", "piece", 1, 100, 1000, 80),
    ("cloth", "cloth", "Spunbond cloth, 150 cm wide", "metre", 50, 20000, 200000, 75),
]

# The domain of activity, its word in a firm's name, what such a firm can give.
DOMAINS = [
    ("machines de coupe", "Coupe", ["cloth", "gown"]),
    ("adaptation de cabines de peinture", "Cabines", ["visor"]),
    ("thermomètres électroniques", "Thermomètres", ["thermometer"]),
    ("masques barrière", "Masques", ["barrier-mask", "surgical-mask"]),
    ("impression 3D", "Impression 3D", ["visor"]),
    ("sacs et accessoires en matière recyclée", "Sacs recyclés", ["gown", "barrier-mask"]),
    ("gels hydro-alcooliques", "Gels", ["gel"]),
    ("structures inox", "Inox", ["stand"]),
    ("visières de protection", "Visières", ["visor"]),
    ("e-santé", "E-santé", ["telemedicine-set"]),
    ("découpe laser", "Découpe laser", ["visor", "cloth"]),
    ("objets feutrés pour l'aéronautique", "Feutres", ["surgical-mask", "cloth"]),
    ("décontamination", "Décontamination", ["ffp2-mask"]),
    ("aéronautique", "Aéronautique", ["ventilator", "stand"]),
    ("logistique et stockage", "Logistique", ["surgical-mask", "ffp2-mask", "gel"]),
    ("télémédecine", "Télémédecine", ["telemedicine-set"]),
    ("blanchisserie", "Blanchisserie", ["gown"]),
    ("confection", "Confection", ["gown", "barrier-mask"]),
    ("tests diagnostics", "Diagnostics", ["test-kit"]),
    ("maroquinerie", "Maroquinerie", ["barrier-mask"]),
    ("fabrication de respirateurs", "Respirateurs", ["ventilator"]),
    ("thermoformage", "Thermoformage", ["visor"]),
    ("verre", "Verre", ["test-kit", "gel"]),
]

# Requesters: prefix of ids, name, and per product: units for 100,000 inhabitants of the
# département (shared among its requesters of the kind), class, chance in percent that one asks.
HOSPITAL = ("hos", "Centre hospitalier", [
    ("surgical-mask", 6000, 2, 100), ("ffp2-mask", 1200, 1, 100), ("gown", 1000, 1, 95),
    ("visor", 150, 2, 80), ("gel", 120, 2, 90), ("ventilator", 2, 1, 85),
    ("test-kit", 300, 1, 90), ("stand", 6, 3, 60), ("cloth", 300, 5, 40)])
CARE_HOME = ("ehpad", "EHPAD", [
    ("surgical-mask", 2000, 2, 95), ("barrier-mask", 800, 4, 60), ("gown", 400, 2, 80),
    ("visor", 80, 3, 60), ("gel", 60, 3, 80), ("thermometer", 10, 4, 50),
    ("test-kit", 100, 2, 60), ("telemedicine-set", 2, 5, 30)])
SURGERY = ("cab", "Cabinet médical", [
    ("surgical-mask", 800, 3, 95), ("ffp2-mask", 300, 3, 70), ("visor", 40, 4, 50),
    ("gel", 20, 3, 80), ("thermometer", 5, 5, 40), ("telemedicine-set", 1, 5, 30)])

SYLLABLES = ["al", "ba", "bre", "ca", "cor", "da", "el", "fan", "ga", "li", "lo", "ma", "mi", "na",
             "no", "or", "pa", "ra", "ri", "sa", "so", "ta", "ti", "va", "ve", "zé"]


class Dice:
    """Draws from random() alone: of Python's generator only that is promised never to change."""

    def __init__(self, seed):
        self.source = random.Random(seed)

    def below(self, limit):
        return int(self.source.random() * limit)

    def between(self, low, high):
        return low + self.below(high - low + 1)

    def pick(self, items):
        return items[self.below(len(items))]

    def shuffled(self, items):
        return sorted(items, key=lambda _: self.source.random())

    def word(self, used):
        """A word that nobody has had yet."""
        while True:
            word = "".join(self.pick(SYLLABLES) for _ in range(3)).capitalize()
            if word not in used:
                used.add(word)
                return word


def share(total, weights):
    """Splits a total by weights into whole parts of at least 1, by largest remainder."""
    spare, weight_sum = total - len(weights), sum(weights)
    parts = [1 + spare * weight // weight_sum for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(spare * weights[i] % weight_sum), i))
    for i in order[:total - sum(parts)]:
        parts[i] += 1
    return parts


def read_departements():
    with open(HERE / "departements.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def make_party(dice, departement, party_id, name, roles):
    lat = round(float(departement["lat"]) * 100000) + dice.between(-20000, 20000)
    lon = round(float(departement["lon"]) * 100000) + dice.between(-25000, 25000)
    return {"party_id": party_id, "name": name, "roles": roles, "departement": departement["code"],
            "region": departement["region_name"], "lat": f"{lat / 100000:.5f}",
            "lon": f"{lon / 100000:.5f}"}


def make_offerers(dice, departements, populations, used):
    """Firms in every département; the domains go round so that each has seven or eight."""
    domains = dice.shuffled(DOMAINS * (OFFERER_COUNT // len(DOMAINS) + 1))[:OFFERER_COUNT]
    for missing in [domain for domain in DOMAINS if domain not in domains]:
        domains[domains.index(max(DOMAINS, key=domains.count))] = missing
    parties, makes = [], {}
    for departement, count in zip(departements, share(OFFERER_COUNT, populations)):
        for number in range(1, count + 1):
            _, word, products = domains[len(parties)]
            party = make_party(dice, departement, f"off-{departement['code']}-{number:02}",
                               f"{word} {dice.word(used)}", "offerer")
            parties.append(party)
            makes[party["party_id"]] = products
    return parties, makes


def make_requesters(dice, departements, populations, used):
    """Hospitals, care homes and surgeries by population, and what each asks for."""
    parties, wishes = [], []
    surgery_count = PARTY_COUNT - OFFERER_COUNT - HOSPITAL_COUNT - CARE_HOME_COUNT
    for (prefix, title, products), total in (
            (HOSPITAL, HOSPITAL_COUNT), (CARE_HOME, CARE_HOME_COUNT), (SURGERY, surgery_count)):
        for departement, count in zip(departements, share(total, populations)):
            for number in range(1, count + 1):
                party = make_party(dice, departement, f"{prefix}-{departement['code']}-{number:02}",
                                   f"{title} {dice.word(used)}", "requester")
                parties.append(party)
                for product, rate, class_number, chance in products:
                    if dice.below(100) < chance:
                        units = int(departement["population"]) * rate // 100000 // count
                        units = units * dice.between(70, 130) // 100
                        wishes.append((party["party_id"], product, units, class_number))
    return parties, wishes


def whole_lots(units, lot):
    return max(lot, (units + lot // 2) // lot * lot)


class Calendar:
    """Days counted from the start of the scenario, and arrivals in the ten days before it."""

    def __init__(self, start, dice):
        self.start, self.dice = start, dice

    def day(self, number):
        return (self.start + datetime.timedelta(days=number)).isoformat()

    def arrivals(self, count):
        minutes = sorted(self.dice.below(10 * 24 * 60) for _ in range(count))
        first = datetime.datetime.combine(self.start, datetime.time()) - datetime.timedelta(days=10)
        return [f"{first + datetime.timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}"
                for minute in minutes]


def make_needs(dice, calendar, wishes):
    """The wishes with days; a vital need is due first. One in ten names no day."""
    lots = {product[0]: product[4] for product in PRODUCTS}
    needs = []
    for at, (party, product, units, class_number) in zip(
            calendar.arrivals(len(wishes)), dice.shuffled(wishes)):
        due = dice.between(3, 5) + 2 * class_number
        dated = dice.below(10) > 0
        needs.append({
            "at": at, "need_id": f"n-{len(needs) + 1:04}", "party_id": party, "product_id": product,
            "quantity": whole_lots(units, lots[product]), "class": class_number,
            "due": calendar.day(due) if dated else "",
            "latest": calendar.day(due + dice.between(7, 14)) if dated else ""})
    return needs


def make_offers(dice, calendar, makes, needs):
    """What the firms give of each product adds up to its part of what is needed."""
    chosen = {party: dice.pick(products) for party, products in makes.items()}
    for product in PRODUCTS:  # Nothing stays without anyone who makes it.
        makers = [party for party, products in makes.items() if product[0] in products]
        if product[0] not in chosen.values():
            chosen[makers[0]] = product[0]
    rows = []
    for product_id, _, _, _, lot, _, _, percent in PRODUCTS:
        makers = [party for party in chosen if chosen[party] == product_id]
        wanted = sum(need["quantity"] for need in needs if need["product_id"] == product_id)
        total = max(len(makers), wanted * percent * SUPPLY_PERCENT // mean_supply(needs) // 100)
        weights = [dice.between(1, 8) ** 2 for _ in makers]
        for party, units in zip(makers, share(total, weights)):
            rows.append(make_offer(dice, calendar, party, product_id, units, lot))
    rows = dice.shuffled(rows)
    for number, (at, row) in enumerate(zip(calendar.arrivals(len(rows)), rows), 1):
        row.update({"at": at, "offer_id": f"o-{number:03}"})
    return rows


def mean_supply(needs):
    """What the percentages of the products come to over all units needed."""
    percents = {product[0]: product[7] for product in PRODUCTS}
    total = sum(need["quantity"] for need in needs)
    return max(1, sum(need["quantity"] * percents[need["product_id"]] for need in needs) // total)


def make_offer(dice, calendar, party, product, units, lot):
    """A third are stocks; a capacity spreads its units over some days."""
    row = {"at": "", "offer_id": "", "party_id": party, "product_id": product, "quantity": "",
           "per_day": "", "from": "", "to": "", "lead_days": dice.below(3)}
    days = dice.between(5, 8)
    if dice.below(3) == 0 or units < days * lot:
        row.update({"kind": "stock", "quantity": units})
    else:
        first = dice.below(3)
        row.update({"kind": "capacity", "per_day": units // days, "from": calendar.day(first),
                    "to": calendar.day(first + days - 1)})
    return row


def make_capacity(dice, calendar, offers):
    """A few firms report again on the eve of the start: somewhat more, or less."""
    again = dice.shuffled([offer for offer in offers if offer["kind"] == "capacity"])[:6]
    return [{"at": f"{calendar.day(-1)}T18:{10 + i}:00Z", "offer_id": offer["offer_id"],
             "from": offer["from"], "to": offer["to"],
             "per_day": offer["per_day"] * dice.between(85, 115) // 100}
            for i, offer in enumerate(again)]


def add_slips(calendar, needs, offers, wishes):
    """Two rows that a person typed wrongly, to be held back: a population for a quantity, and an
    offer of ten thousand million."""
    party = next(wish[0] for wish in wishes if wish[0].startswith("cab-31"))
    needs.append({"at": f"{calendar.day(-1)}T19:00:00Z", "need_id": f"n-{len(needs) + 1:04}",
                  "party_id": party, "product_id": "surgical-mask", "quantity": 1434367, "class": 3,
                  "due": "", "latest": ""})
    party = next(offer["party_id"] for offer in offers if offer["product_id"] == "visor")
    offers.append({"at": f"{calendar.day(-1)}T19:30:00Z", "offer_id": f"o-{len(offers) + 1:03}",
                   "party_id": party, "product_id": "visor", "kind": "stock",
                   "quantity": 10000000000, "per_day": "", "from": "", "to": "", "lead_days": 0})


COLUMNS = {
    "products": "product_id family name unit lot need_max offer_max",
    "parties": "party_id name roles departement region lat lon",
    "needs": "at need_id party_id product_id quantity class due latest",
    "offers": "at offer_id party_id product_id kind quantity per_day from to lead_days",
    "capacity": "at offer_id from to per_day",
}


def make(start):
    """The scenario: a list of rows for each file."""
    dice = Dice(SEED)
    calendar = Calendar(start, dice)
    departements, used = read_departements(), set()
    populations = [int(departement["population"]) for departement in departements]
    offerers, makes = make_offerers(dice, departements, populations, used)
    requesters, wishes = make_requesters(dice, departements, populations, used)
    needs = make_needs(dice, calendar, wishes)
    offers = make_offers(dice, calendar, makes, needs)
    capacity = make_capacity(dice, calendar, offers)
    add_slips(calendar, needs, offers, wishes)
    columns = COLUMNS["products"].split()
    return {"products": [dict(zip(columns, product)) for product in PRODUCTS],
            "parties": offerers + requesters, "needs": needs, "offers": offers,
            "capacity": capacity}


def write(scenario, directory):
    directory.mkdir(parents=True, exist_ok=True)
    for name, rows in scenario.items():
        with open(directory / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, COLUMNS[name].split(), lineterminator="\n")
            table.writeheader()
            table.writerows(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--start", default=START, type=datetime.date.fromisoformat,
                        help="first day of the scenario (%(default)s)")
    parser.add_argument("directory", nargs="?", default=HERE, type=pathlib.Path,
                        help="where the CSV files go")
    options = parser.parse_args()
    write(make(options.start), options.directory)


if __name__ == "__main__":
    main()
