"""history_test.py - the checker finds each way in which a history can be bad, and no other."""
import copy
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from tap import run_cases  # noqa: E402  It stands where the system tests are.
from history import Client, History  # noqa: E402


def id_of(number):
    return f"{number:032x}"


def command(number):
    """What was sent as the n-th command, from the first to the last of this history."""
    return [("offer.put", {"offer": "o", "party": "b", "product": "plenty0", "kind": "stock",
                           "quantity": 100}),
            ("offer.put", {"offer": "s", "party": "b", "product": "scarce0", "kind": "stock",
                           "quantity": 5}),
            ("need.put", {"need": "n1", "party": "a", "product": "plenty0", "quantity": 10,
                          "class": 1}),
            ("need.put", {"need": "n2", "party": "a", "product": "scarce0", "quantity": 9,
                          "class": 1}),
            ("need.put", {"need": "n3", "party": "a", "product": "plenty0", "quantity": 7,
                          "class": 1}),
            ("need.cancel", {"need": "n3"})][number - 1]


def assignment(seq, number, need, quantity, **fields):
    product, offer = ("scarce0", "s") if need == "n2" else ("plenty0", "o")
    return {"t": "assignment", "seq": seq, "assignment": number, "state": "proposed", "need": need,
            "offer": offer, "product": product, "requester": "a", "offerer": "b",
            "quantity": quantity, **fields}


def good():
    """Two clients, one of which had two lives; all that they sent was taken and told."""
    journal = [{"id": id_of(number), "by": "local", "position": number, "chain": f"c{number}",
                "type": command(number)[0], "body": command(number)[1]} for number in range(1, 7)]
    stream = [assignment(1, 1, "n1", 10), assignment(2, 2, "n2", 5), assignment(3, 3, "n3", 7),
              assignment(4, 3, "n3", 7, state="cancelled")]
    clients = [Client("a"), Client("b", "b")]
    for number in range(1, 7):
        client = clients[number % 2]
        client.sent[id_of(number)] = (number * 10, *command(number))
        client.answers.append((number * 10 + 5, id_of(number), "ok", number, f"c{number}", False))
        client.answered.add(id_of(number))
    clients[0].answers.append((99, id_of(2), "ok", 2, "c2", False))  # Asked for once more.
    for client in clients:
        client.stream = [("start", 0)] + [("event", one["seq"], one) for one in stream[:2]] + \
            [("head", 2), ("start", 2)] + [("event", one["seq"], one) for one in stream[2:]]
        client.last = 4
    return History(clients, journal, stream)


def found(change):
    """Kinds of violations once the good history has been changed."""
    history = copy.deepcopy(good())
    change(history)
    return {line.split(":")[0] for line in history.violations()}


def expect(change, *kinds):
    assert found(change) == set(kinds), found(change)


def in_both(change):
    """Changes the stream itself and what the clients got of it."""
    def change_all(history):
        for event in [*history.stream, *(item[2] for client in history.clients
                                         for item in client.stream if item[0] == "event")]:
            change(event)
    return change_all


def a_good_history_has_no_violation():
    assert not good().violations(), good().violations()


def a_lost_command_is_found():
    expect(lambda history: history.journal.pop(), "lost", "undecided")  # The cancel was.
    expect(lambda history: history.journal.pop(3), "lost", "position", "unknown")


def a_command_that_took_effect_twice_is_found():
    expect(lambda history: history.journal.append({**history.journal[3], "position": 7}), "twice")


def an_entry_that_nobody_sent_is_found():
    expect(lambda history: history.journal.append(
        {**history.journal[5], "id": id_of(77), "position": 7}), "unknown")


def a_changed_body_is_found():
    def change(history):
        history.journal[3]["body"] = {**history.journal[3]["body"], "class": 2}
    expect(change, "changed body")


def a_gap_between_positions_is_found():
    def change(history):
        history.journal[5]["position"] = 7
        history.clients[0].answers[2] = (65, id_of(6), "ok", 7, "c6", False)
    expect(change, "position")


def positions_in_another_order_than_in_time_are_found():
    def swap(history):
        for client in history.clients:
            when, one, status, position, *rest = client.answers[1]
            client.answers[1] = (when, one, status, 7 - position, *rest)
        third, fourth = history.journal[2:4]
        history.journal[2:4] = [{**fourth, "position": 3}, {**third, "position": 4}]
    expect(swap, "order")


def a_changed_receipt_is_found():
    def change(history):
        history.clients[0].answers[-1] = (99, id_of(2), "ok", 2, "other", False)
    expect(change, "changed receipt", "lost")

    def hold(history):
        history.clients[0].answers[-1] = (99, id_of(1 + 1), "ok", 2, "c2", True)
    expect(hold, "changed receipt", "over-promised")


def a_refusal_and_a_missing_answer_are_found():
    def refuse(history):
        history.clients[0].answers[-1] = (99, id_of(2), "conflict", 0, "", False)
    expect(refuse, "refused")

    def forget(history):
        history.clients[0].answers.pop(1)
        history.clients[0].answered.remove(id_of(4))
    expect(forget, "unanswered")


def a_missing_event_is_found():
    expect(lambda history: history.clients[0].stream.pop(1),
           "event gap", "event changed", "stream not whole")


def an_event_that_comes_again_is_found():
    def repeat(history):
        history.clients[0].stream.insert(2, history.clients[0].stream[1])
    expect(repeat, "event again", "event changed", "stream not whole")


def events_in_another_order_are_found():
    def swap(history):
        stream = history.clients[1].stream
        stream[1], stream[2] = stream[2], stream[1]
    expect(swap, "event gap", "event again", "event changed")


def a_last_event_that_never_came_is_found():
    expect(lambda history: history.clients[0].stream.pop(), "stream not whole")


def a_head_before_an_event_that_did_not_come_is_found():
    def hide(history):
        history.clients[0].stream.append(("head", 5))
    expect(hide, "hidden")


def one_that_resumes_elsewhere_is_found():
    def skip(history):
        history.clients[0].stream[4] = ("start", 3)
    expect(skip, "resumed elsewhere")


def two_clients_that_are_told_different_things_are_found():
    def change(history):
        kind, seq, event = history.clients[1].stream[2]
        history.clients[1].stream[2] = (kind, seq, {**event, "quantity": 4})
    expect(change, "event changed")


def a_party_that_is_told_of_others_is_found():
    def change(history):
        history.clients[1].party = "c"
    expect(change, "stream not whole")


def units_beyond_what_there_is_are_found():
    def give_more(event):
        event["quantity"] = 6 if event["need"] == "n2" else event["quantity"]
    expect(in_both(give_more), "over-promised")

    def give_too_much(event):
        event["quantity"] = 11 if event["need"] == "n1" else event["quantity"]
    expect(in_both(give_too_much), "over-served")


def a_need_that_nobody_decided_on_is_found():
    def forget(event):
        event["state"] = "superseded" if event["need"] == "n1" else event["state"]
    expect(in_both(forget), "undecided")


def a_need_that_is_over_and_still_served_is_found():
    def revive(event):
        event["state"] = "proposed"
    expect(in_both(revive), "served though over")


def what_is_held_back_and_served_is_found():
    def hold(history):
        history.clients[1].answers[1] = (*history.clients[1].answers[1][:5], True)
    expect(hold, "over-served")


def what_a_client_could_not_do_is_found():
    expect(lambda history: history.clients[0].take("broken 7 denied"), "trouble")


def notes_of_a_client_are_read():
    client = Client("a")
    for line in ('start 1 0', f'sent 2 {id_of(1)} need.put {{"need":"n1"}}',
                 f'answer 3 {id_of(1)} ok 8 c8 1', 'event 4 1 {"seq":1,"t":"answer"}', 'head 5 1'):
        client.take(line)
    assert client.sent == {id_of(1): (2, "need.put", {"need": "n1"})}
    assert client.answers == [(3, id_of(1), "ok", 8, "c8", True)]
    assert client.stream == [("start", 0), ("event", 1, {"seq": 1, "t": "answer"}), ("head", 1)]


if __name__ == "__main__":
    run_cases(a_good_history_has_no_violation, a_lost_command_is_found,
              a_command_that_took_effect_twice_is_found, an_entry_that_nobody_sent_is_found,
              a_changed_body_is_found, a_gap_between_positions_is_found,
              positions_in_another_order_than_in_time_are_found, a_changed_receipt_is_found,
              a_refusal_and_a_missing_answer_are_found, a_missing_event_is_found,
              an_event_that_comes_again_is_found, events_in_another_order_are_found,
              a_last_event_that_never_came_is_found,
              a_head_before_an_event_that_did_not_come_is_found,
              one_that_resumes_elsewhere_is_found,
              two_clients_that_are_told_different_things_are_found,
              a_party_that_is_told_of_others_is_found, units_beyond_what_there_is_are_found,
              a_need_that_nobody_decided_on_is_found,
              a_need_that_is_over_and_still_served_is_found, what_is_held_back_and_served_is_found,
              what_a_client_could_not_do_is_found, notes_of_a_client_are_read)
