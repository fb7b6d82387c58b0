"""scenario.py - the demo's scenario is what its program makes, and has the numbers it tells."""
import csv
import datetime
import pathlib
import re
import subprocess
import sys
import tempfile

from tap import SOURCE, run_cases

DEMO = pathlib.Path(SOURCE, "config/demo")
FILES = ["products", "parties", "needs", "offers", "capacity"]


def rows(name, folder=DEMO):
    with open(pathlib.Path(folder, f"{name}.csv"), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def make(folder, *arguments):
    subprocess.run([sys.executable, DEMO / "make.py", *arguments, folder], check=True)


def offerers():
    return [party for party in rows("parties") if party["roles"] == "offerer"]


def days(offer):
    first, last = (datetime.date.fromisoformat(offer[key]) for key in ("from", "to"))
    return (last - first).days + 1


def the_files_are_what_the_program_makes():
    with tempfile.TemporaryDirectory() as folder:
        make(folder)
        for name in FILES:
            assert pathlib.Path(folder, f"{name}.csv").read_bytes() == \
                (DEMO / f"{name}.csv").read_bytes(), name


def another_start_moves_the_days_and_nothing_else():
    def without_days(folder, name):
        return re.sub(r"\d{4}-\d\d-\d\d", "DAY", pathlib.Path(folder, f"{name}.csv").read_text())

    with tempfile.TemporaryDirectory() as folder:
        make(folder, "--start", "2031-01-31")
        for name in FILES:
            assert without_days(folder, name) == without_days(DEMO, name), name
        assert all(need["due"] >= "2031-01-31" for need in rows("needs", folder) if need["due"])


def there_are_478_parties_of_which_182_offer():
    parties = rows("parties")
    assert len(parties) == 478 and len(offerers()) == 182
    assert len({party["party_id"] for party in parties}) == 478
    assert len({party["name"] for party in parties}) == 478


def every_departement_of_the_two_regions_has_both_sides():
    departements = {row["code"]: row["region_name"] for row in rows("departements")}
    assert len(departements) == 25
    assert list(departements.values()).count("Nouvelle-Aquitaine") == 12
    assert list(departements.values()).count("Occitanie") == 13
    for roles in ("offerer", "requester"):
        found = {party["departement"]: party["region"] for party in rows("parties")
                 if party["roles"] == roles}
        assert found == departements


def all_23_domains_are_at_work():
    words = {party["name"].rsplit(" ", 1)[0] for party in offerers()}
    assert len(words) == 23
    assert {offer["party_id"] for offer in rows("offers")} == \
        {party["party_id"] for party in offerers()}


def supply_is_about_seventy_percent_and_one_row_of_each_kind_is_held_back():
    products = {product["product_id"]: product for product in rows("products")}
    wanted = supplied = held_needs = held_offers = 0
    for need in rows("needs"):
        units = int(need["quantity"])
        is_held = units > int(products[need["product_id"]]["need_max"])
        held_needs += is_held
        wanted += 0 if is_held else units
    for offer in rows("offers"):
        units = int(offer["quantity"] or offer["per_day"])
        is_held = units > int(products[offer["product_id"]]["offer_max"])
        held_offers += is_held
        supplied += 0 if is_held else units * (days(offer) if offer["per_day"] else 1)
    assert (held_needs, held_offers) == (1, 1)
    assert 65 <= 100 * supplied // wanted <= 75, (supplied, wanted)


def every_row_names_what_exists_and_keeps_the_order_of_days():
    parties = {party["party_id"]: party["roles"] for party in rows("parties")}
    products = {product["product_id"] for product in rows("products")}
    offers = {offer["offer_id"]: offer for offer in rows("offers")}
    for need in rows("needs"):
        assert parties[need["party_id"]] == "requester" and need["product_id"] in products
        assert need["due"] <= need["latest"] and 1 <= int(need["class"]) <= 5
    for offer in offers.values():
        assert parties[offer["party_id"]] == "offerer" and offer["product_id"] in products
        assert (offer["kind"] == "stock") == (offer["per_day"] == "" and offer["from"] == "")
    assert {offer["kind"] for offer in offers.values()} == {"stock", "capacity"}
    for report in rows("capacity"):
        assert offers[report["offer_id"]]["kind"] == "capacity"


run_cases(the_files_are_what_the_program_makes, another_start_moves_the_days_and_nothing_else,
          there_are_478_parties_of_which_182_offer,
          every_departement_of_the_two_regions_has_both_sides, all_23_domains_are_at_work,
          supply_is_about_seventy_percent_and_one_row_of_each_kind_is_held_back,
          every_row_names_what_exists_and_keeps_the_order_of_days)
