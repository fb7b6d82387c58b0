"""explain_test.py - why a need gets what it gets, asked of a live system, in both languages."""
import datetime
import json
import sys

from system import System
from tap import run_cases

NOT_FOUND, USAGE = 66, 64
LATEST = datetime.date(2032, 1, 1)
PARTIES = "".join(json.dumps({"party": party, "roles": roles, "lat": lat, "lon": 1}) + "\n"
                  for party, roles, lat in (("h", "requester", 44), ("k", "requester", 44),
                                            ("f", "offerer", 44.9), ("g", "offerer", 45.8)))
PRODUCTS = '{"product":"mask","lot":10}\n{"product":"gown","lot":1}\n'
OFFERS = "".join(json.dumps({"offer": offer, "party": party, "product": "mask", "kind": "stock",
                             "quantity": quantity, "lead_days": lead}) + "\n"
                 for offer, party, quantity, lead in (("near", "f", 100, 0), ("far", "g", 60, 0),
                                                      ("slow", "g", 500, 3000), ("tiny", "g", 4, 0)))
NEEDS = "".join(json.dumps({"need": need, "party": party, "product": product, "quantity": quantity,
                            "class": class_number, **more}) + "\n"
                for need, party, product, quantity, class_number, more in (
                    ("vital", "h", "mask", 120, 1, {"latest": LATEST.isoformat()}),
                    ("comfort", "k", "mask", 90, 5, {"latest": LATEST.isoformat()}),
                    ("gowns", "k", "gown", 5, 2, {})))


def fill(system):
    for thing, text in (("party", PARTIES), ("product", PRODUCTS), ("offer", OFFERS),
                        ("need", NEEDS)):
        told = system.json(thing, "put", "-", input=text)[0]
        assert told["accepted"] == text.count("\n"), told
    system.wait_idle()


def explain(system, *what):
    return system.json("explain", *what)[0]


def text_of(system, language, *what):
    done = system.maillon("explain", "--lang", language, *what)
    assert done.returncode == 0, done.stderr
    return done.stdout


def the_facts_name_who_would_lose_what(system):
    told = explain(system, "comfort")
    assert told["cause"] == "scarce_class"
    assert told["displaced"][0]["need"] == "vital" and told["displaced"][0]["class"] == 1
    assert sum(row["served"] for row in told["tranches"]) == 40
    assert {row["offer"] for row in told["alternatives"]} == {"near", "far"}
    assert {row["offer"] for row in told["prices"]} == {"near", "far"}
    assert all(row["effect"][0]["need"] == "comfort" for row in told["prices"])
    failures = {row["reason"]: row for row in told["failures"]}
    assert failures["lot_unreachable"]["units"] == 6
    assert failures["too_late"]["nearest"] == "slow" and failures["too_late"]["days"] > 300
    assert explain(system, "gowns")["cause"] == "not_offered"
    assert explain(system, "vital")["cause"] == "served"


def one_unit_more_of_a_scarce_offer_does_what_its_price_says(system):
    before = explain(system, "comfort")
    effect = next(row["effect"][0] for row in before["prices"] if row["offer"] == "near")
    assert (effect["need"], effect["class"]) == ("comfort", 5)
    system.json("offer", "put", "-", input=OFFERS.split("\n", maxsplit=1)[0].replace("100", "101"))
    system.wait_idle()
    assert explain(system, "comfort")["need"][0]["unserved"] == \
        before["need"][0]["unserved"] - 1


def the_change_that_is_named_flips_the_rule(system):
    told = explain(system, "comfort")
    days = next(row["days"] for row in told["failures"] if row["reason"] == "too_late")
    for later, reasons in ((days - 1, {"too_late", "lot_unreachable"}), (days, {"lot_unreachable"})):
        latest = LATEST + datetime.timedelta(days=later)
        need = json.loads(NEEDS.splitlines()[1]) | {"latest": latest.isoformat()}
        system.json("need", "put", "-", input=json.dumps(need) + "\n")
        system.wait_idle()
        assert {row["reason"] for row in explain(system, "comfort")["failures"]} == reasons
    assert explain(system, "comfort")["cause"] == "served"


def an_assignment_tells_its_rules_costs_and_rank(system):
    number = system.json("assignment", "ls", "--need", "vital", "--offer", "near")[0]["assignment"]
    told = explain(system, number)
    assert told["t"] == "assignment" and told["rank"] == 1 and told["possible"] == 2
    assert all(rule["holds"] for rule in told["rules"]) and len(told["rules"]) >= 8
    pair = told["candidates"][0]
    assert pair["distance_cost"] == pair["kilometres"] == pair["cost"] == 100
    assert told["instead_of"] == "near" and told["alternatives"][0]["offer"] == "far"
    why_not = explain(system, "comfort", "tiny")
    assert why_not["candidates"][0]["reason"] == "lot_unreachable"
    *held, failed = why_not["rules"]
    assert failed == {"rule": "lot_unreachable", "holds": False}
    assert held and all(rule["holds"] for rule in held)


def a_missing_certificate_is_named_with_its_norm(system):
    norm = '{"norm":"q1","product":"gown","code":"EN 13795","from":"2020-01-01"}\n'
    gowns = {"offer": "sewn", "party": "f", "product": "gown", "kind": "stock", "quantity": 5}
    assert system.json("norm", "put", "-", input=norm)[0]["accepted"] == 1
    assert system.json("offer", "put", "-", input=json.dumps(gowns) + "\n")[0]["accepted"] == 1
    system.wait_idle()
    told = explain(system, "gowns")
    assert (told["cause"], told["rule"]) == ("not_possible", "certificate_missing")
    failure = told["failures"][0]
    assert (failure["code"], failure["rule"], failure["nearest"]) == ("EN 13795", "q1", "sewn")
    assert "norme EN 13795, au plus près, sewn" in text_of(system, "fr", "gowns")
    assert "norm EN 13795, nearest is sewn" in text_of(system, "en", "gowns")


def both_languages_say_the_same(system):
    english = text_of(system, "en", "comfort")
    french = text_of(system, "fr", "comfort")
    assert len(english.splitlines()) == len(french.splitlines())
    for words in ("Class: one unit more, from offer ", "would be taken from need vital of h",
                  "of use until Thursday 1 January 2032", " days later would do",
                  "nearest is tiny: 6 units more would do"):
        assert words in english, (words, english)
    for words in ("Classe\u00a0: une unité de plus, de l’offre ", "serait prise au besoin vital de h",
                  "utile jusqu’au jeudi 1er janvier 2032", "l’arrivée est trop tardive",
                  "au plus près, tiny\u00a0: il suffirait de 6 unités de plus"):
        assert words in french, (words, french)
    number = system.json("assignment", "ls", "--need", "vital", "--offer", "near")[0]["assignment"]
    assert "yes: it arrives in time" in text_of(system, "en", number)
    assert "oui\u00a0: l’arrivée est à temps" in text_of(system, "fr", number)
    assert "Attente d’une offre" in text_of(system, "fr", "gowns")


def the_language_is_that_of_the_locale_unless_asked_for(system):
    done = system.maillon("explain", "comfort", "--lang", "xx")
    assert done.returncode == USAGE and "en or fr" in done.stderr
    assert system.maillon("explain", "nobody", "--lang", "fr").returncode == NOT_FOUND
    assert json.loads(system.maillon("explain", "comfort", "--lang", "fr", "--json").stdout)["need"]


def main():
    with System() as system:
        run_cases(fill, the_facts_name_who_would_lose_what,
                  an_assignment_tells_its_rules_costs_and_rank, both_languages_say_the_same,
                  the_language_is_that_of_the_locale_unless_asked_for,
                  a_missing_certificate_is_named_with_its_norm,
                  one_unit_more_of_a_scarce_offer_does_what_its_price_says,
                  the_change_that_is_named_flips_the_rule, given=[system])


if __name__ == "__main__":
    sys.exit(main())
