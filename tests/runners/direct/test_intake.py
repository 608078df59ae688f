from pathlib import Path

from engines import Station, a_pump
from relays import ALICE, HEARD, a_file, a_station, announce


def test_a_hold_gives_back_what_came_before_it_and_takes_nothing_more(tmp_path: Path) -> None:
    server = a_station()
    station = Station(server, tmp_path, a_pump("shovel", tmp_path))
    station.engine.begin()
    for number in range(3):
        announce(server, a_file(f"before/{number}", "1"))
    assert (station.engine.status()["waiting"], server.bodies(ALICE.queue)) == (3, [])
    station.engine.hold("maintenance")
    station.engine.turn()
    announce(server, a_file("meanwhile", "1"))
    assert not station.engine.turn()
    assert (station.engine.status()["waiting"], len(server.bodies(ALICE.queue))) == (0, 4)
    station.engine.lift()
    assert station.run()["outcomes"] == {"announced:done": 4}
    assert len(server.bodies(HEARD)) == 4
    station.close()
    assert server.bodies(ALICE.queue) == []
