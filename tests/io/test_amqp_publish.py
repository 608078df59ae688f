"""Confirms as a broker may send them, although RabbitMQ seldom does: every combination must answer the right messages."""

import random
import struct

from inbox import Answers, message

from winnowry.io.amqp.publish import WINDOW, Publisher
from winnowry.io.amqp.wire import Inlet
from winnowry.io.broker import Confirm

ACK, NACK = 0x003C0050, 0x003C0078


class Line:
    """Stands where a connection would: it keeps what is sent."""

    body_limit = 100

    def __init__(self) -> None:
        self.inlets: dict[int, Inlet] = {}
        self.sent: list[bytes] = []

    def emit(self, data: bytes) -> None:
        self.sent.append(data)


class Channel:
    def add_on_return_callback(self, callback: object) -> None:
        self.returned = callback


def say(publisher: Publisher, method: int, tag: int, *, multiple: bool = False) -> None:
    frame = struct.pack(">IQB", method, tag, multiple)
    assert publisher.take(frame, 0, len(frame)) == len(frame) + 1


def ready(count: int) -> tuple[Publisher, Answers, Line]:
    publisher, answers, line = Publisher(), Answers(), Line()
    publisher.open(Channel(), line)  # type: ignore[arg-type]
    publisher.send(publisher.pack([(number, message(b"%d" % number)) for number in range(1, count + 1)], answers.put))
    return publisher, answers, line


def test_each_ack_and_nack_answers_its_own_message() -> None:
    publisher, answers, _ = ready(8)
    say(publisher, ACK, 3)
    say(publisher, NACK, 5)
    say(publisher, ACK, 4, multiple=True)
    say(publisher, NACK, 7, multiple=True)
    say(publisher, ACK, 8)
    publisher.drained()
    confirmed, refused = Confirm.CONFIRMED, Confirm.REFUSED
    assert answers.confirms == [
        (3, confirmed),
        (5, refused),
        (1, confirmed),
        (2, confirmed),
        (4, confirmed),
        (6, refused),
        (7, refused),
        (8, confirmed),
    ]
    assert publisher.idle


def test_any_order_of_confirms_answers_every_message_once() -> None:
    for seed in range(200):
        chance = random.Random(seed)
        publisher, answers, _ = ready(50)
        open_tags = set(range(1, 51))
        expected = {}
        while open_tags:
            tag, multiple, method = chance.choice(sorted(open_tags)), chance.random() < 0.3, chance.choice((ACK, NACK))
            covered = {other for other in open_tags if other <= tag} if multiple else {tag}
            expected.update(dict.fromkeys(covered, Confirm.CONFIRMED if method == ACK else Confirm.REFUSED))
            say(publisher, method, tag, multiple=multiple)
            open_tags -= covered
        publisher.drained()
        assert answers.wait(50) == expected


def test_tag_zero_with_multiple_means_all() -> None:
    publisher, answers, _ = ready(3)
    say(publisher, ACK, 0, multiple=True)
    publisher.drained()
    assert answers.wait(3) == dict.fromkeys((1, 2, 3), Confirm.CONFIRMED)


def test_answers_come_together_for_one_caller() -> None:
    publisher, line, calls = Publisher(), Line(), []
    publisher.open(Channel(), line)  # type: ignore[arg-type]
    publisher.send(publisher.pack([(number, message(b"")) for number in range(5)], calls.append))
    say(publisher, ACK, 5, multiple=True)
    publisher.drained()
    assert [[token for token, _ in call] for call in calls] == [[0, 1, 2, 3, 4]]


def test_the_window_bounds_what_is_unconfirmed() -> None:
    publisher, answers, line = ready(WINDOW + 3)
    assert b"".join(line.sent).count(b"xpublic") == WINDOW
    say(publisher, ACK, 2, multiple=True)
    publisher.drained()
    assert b"".join(line.sent).count(b"xpublic") == WINDOW + 2
    assert len(answers.confirms) == 2


def test_what_a_lost_channel_left_goes_first_and_in_order() -> None:
    publisher, answers, _ = ready(4)
    say(publisher, ACK, 2)
    publisher.drained()
    publisher.lose(careful=False)
    publisher.send(publisher.pack([(5, message(b"new"))], answers.put))
    line = Line()
    publisher.open(Channel(), line)  # type: ignore[arg-type]
    sent = b"".join(line.sent)
    places = [sent.index(b"\x03\x00\x01\x00\x00\x00" + bytes([len(body)]) + body) for body in (b"1", b"3", b"4", b"new")]
    assert places == sorted(places)
    assert b"\x00\x00\x012" not in sent
    say(publisher, ACK, 4, multiple=True)
    publisher.drained()
    assert answers.wait(5) == dict.fromkeys((1, 2, 3, 4, 5), Confirm.CONFIRMED)


def test_nothing_is_sent_while_the_broker_blocks() -> None:
    publisher, answers, line = ready(1)
    publisher.resume(blocked=True)
    publisher.send(publisher.pack([("held", message(b"held"))], answers.put))
    assert b"held" not in b"".join(line.sent)
    publisher.resume(blocked=False)
    assert b"held" in b"".join(line.sent)
